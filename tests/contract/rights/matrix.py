"""
Matrices of rights: who may do what with what, as a text file says it and as a database grants it.

A file has one line per table, sequence and function, and one column per role. In a cell stands what
the role may do: S select, I insert, U update, D delete, and s, u of some columns only; U of a
sequence is drawing from it; X is executing a function; `-` is nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import LiteralString

import psycopg
from psycopg import errors, sql

Matrix = dict[str, dict[str, str]]  # thing -> role -> cell

EVERYBODY = "everybody"  # the column of PUBLIC: a role that nobody granted anything

# What a role may do with everything in some schemas, by the server's own account. A right without
# USAGE of the schema opens nothing, so it does not count.
_GRANTED = """
with role as (
  select unnest(%(roles)s::text[]) as name
), thing as (
  select c.oid, n.nspname || '.' || c.relname as name, n.oid as schema, c.relkind as kind
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where n.nspname = any(%(schemas)s) and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
), cell as (
  select t.name as thing, r.name as role, case when has_schema_privilege(r.name, t.schema, 'usage')
    then case when t.kind = 'S' then
      case when has_sequence_privilege(r.name, t.oid, 'usage, update') then 'U' else '' end
    else concat(
      case when has_table_privilege(r.name, t.oid, 'select') then 'S'
           when has_any_column_privilege(r.name, t.oid, 'select') then 's' end,
      case when has_any_column_privilege(r.name, t.oid, 'insert') then 'I' end,
      case when has_table_privilege(r.name, t.oid, 'update') then 'U'
           when has_any_column_privilege(r.name, t.oid, 'update') then 'u' end,
      case when has_table_privilege(r.name, t.oid, 'delete') then 'D' end,
      case when has_table_privilege(r.name, t.oid, 'truncate, references, trigger') then '!' end)
    end else '' end as may
  from thing t cross join role r
  union all
  select n.nspname || '.' || p.proname || '()', r.name,
    case when has_schema_privilege(r.name, n.oid, 'usage')
              and has_function_privilege(r.name, p.oid, 'execute') then 'X' else '' end
  from pg_proc p join pg_namespace n on n.oid = p.pronamespace cross join role r
  where n.nspname = any(%(function_schemas)s) and p.prorettype <> 'trigger'::regtype
    and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e')
)
select thing, role, coalesce(nullif(max(may), ''), '-') from cell group by thing, role
"""


def text(matrix: Matrix, roles: Sequence[str]) -> str:
    """Return a matrix as the lines of a file, functions last."""
    things = sorted(matrix, key=lambda name: (name.endswith("()"), name))
    table = [["thing", *roles]]
    table += [[thing, *(matrix[thing][role] for role in roles)] for thing in things]
    widths = [max(len(row[n]) for row in table) for n in range(len(table[0]))]
    lines = ("  ".join(word.ljust(n) for word, n in zip(row, widths, strict=True)) for row in table)
    return "".join(f"{line.rstrip()}\n" for line in lines)


def read(path: Path) -> Matrix:
    """Return the matrix of a file."""
    lines = [line.split() for line in path.read_text(encoding="utf-8").splitlines()]
    rows = [words for words in lines if words and not words[0].startswith("#")]
    header, *rest = rows
    return {words[0]: dict(zip(header[1:], words[1:], strict=True)) for words in rest}


def granted(
    connection: psycopg.Connection, roles: dict[str, str], schemas: Sequence[str],
    function_schemas: Sequence[str],
) -> Matrix:  # fmt: skip
    """Return the matrix of a database. `roles` are columns by their role's name."""
    values = {
        "roles": list(roles), "schemas": list(schemas), "function_schemas": list(function_schemas),
    }  # fmt: skip
    matrix: Matrix = {}
    for thing, role, may in connection.execute(_GRANTED, values):
        matrix.setdefault(thing, {})[roles[role]] = may
    return matrix


def differences(said: Matrix, is_so: Matrix) -> list[str]:
    """Return what file and database disagree about, each in a sentence that says what to do."""
    found = [f"{thing} has no line in the matrix: add one" for thing in is_so.keys() - said.keys()]
    found += [f"{thing} is in the matrix only: remove it" for thing in said.keys() - is_so.keys()]
    for thing in said.keys() & is_so.keys():
        for role, may in is_so[thing].items():
            if said[thing].get(role) != may:
                found.append(
                    f"{thing}: {role} may do {may}, the matrix says {said[thing].get(role)}"
                )
    return sorted(found)


_ATTEMPTS: dict[str, LiteralString] = {
    "S": "select from {} limit 0",
    "I": "insert into {} default values",
    "D": "delete from {} where false",
    "T": "truncate {}",
}


def refused(connection: psycopg.Connection, role: str, table: str, action: str) -> bool:
    """Try an action and take it back; return whether the server refused it for want of rights."""
    attempt = sql.SQL(_ATTEMPTS[action]).format(sql.Identifier(*table.split(".")))
    with connection.transaction(force_rollback=True):
        connection.execute(sql.SQL("set local role {}").format(sql.Identifier(role)))
        try:
            connection.execute(attempt)
        except errors.InsufficientPrivilege:
            return True
        except psycopg.Error:
            return False  # allowed, and then against a constraint
        return False
