"""
What PostgREST knows of tables and functions before it answers: its schema cache.

Read on first use, kept until the database says `notify pgrst`, which the event triggers in
platform.sql do at every change of definitions. What is absent is never kept, so a migration is
seen at once; only a changed definition is briefly seen as it was, as on hosted Supabase.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

import psycopg
from psycopg import sql

from infra.local.supabase.database import Connection

RETRY_S = 0.5

TABLE = """
select
  array(
    select a.attname::text from pg_attribute a
    where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped order by a.attnum
  ),
  array(
    select quote_literal(a.attname) || ', ' || pg_get_expr(d.adbin, d.adrelid)
    from pg_attribute a join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
    where a.attrelid = c.oid and a.attgenerated = '' order by a.attnum
  ),
  array(
    select a.attname::text from pg_index i
    join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any(i.indkey)
    where i.indrelid = c.oid and i.indisprimary order by a.attnum
  )
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where n.nspname = %(schema)s and c.relname = %(name)s and c.relkind in ('r', 'v', 'm', 'f', 'p')
"""

FUNCTIONS = """
select
  array(
    select coalesce(p.proargnames[i], '')
    from generate_series(1, coalesce(cardinality(p.proargmodes), p.pronargs)) as i
    where p.proargmodes is null or p.proargmodes[i] in ('i', 'b', 'v') order by i
  ),
  array(
    select format('%%I.%%I', tn.nspname, t.typname)
    from unnest(p.proargtypes) with ordinality as a(type, position)
    join pg_type t on t.oid = a.type join pg_namespace tn on tn.oid = t.typnamespace
    order by a.position
  ),
  p.pronargdefaults,
  p.proretset,
  p.prorettype = 'void'::regtype,
  -- `returns table (n int)` is declared as a set of int, yet answers objects
  r.typtype = 'c' or p.prorettype = 'record'::regtype
    or coalesce(p.proargmodes::text[] && array['t', 'b', 'o'], false),
  p.provolatile = 'v'
from pg_proc p
join pg_namespace n on n.oid = p.pronamespace
join pg_type r on r.oid = p.prorettype
where n.nspname = %(schema)s and p.proname = %(name)s and p.prokind = 'f'
"""

TIMEOUTS = """
select rolname::text, split_part(setting, '=', 2)
from pg_roles, unnest(rolconfig) as setting
where setting like 'statement_timeout=%%'
"""
LOGIN_ROLE = "authenticator"


@dataclass(frozen=True, slots=True)
class Table:
    """A table or view; `defaults` are `'column', expression` pairs for jsonb_build_object."""

    schema: str
    name: str
    columns: Sequence[str]
    defaults: Sequence[str]
    primary_key: Sequence[str]

    @property
    def identifier(self) -> sql.Identifier:
        """Its qualified name in SQL."""
        return sql.Identifier(self.schema, self.name)


@dataclass(frozen=True, slots=True)
class Function:
    """One function of a name. `objects` tells rows that become JSON objects from bare values."""

    names: Sequence[str]
    types: Sequence[str]
    default_count: int
    returns_set: bool
    returns_void: bool
    objects: bool
    volatile: bool

    @property
    def takes_body(self) -> bool:
        """Whether it has the single unnamed json argument that takes the whole body."""
        return self.names == [""] and self.types[0] in {"pg_catalog.json", "pg_catalog.jsonb"}

    def accepts(self, arguments: set[str]) -> bool:
        """Tell whether a call with these argument names means this function."""
        required = self.names[: len(self.names) - self.default_count]
        return set(required) <= arguments <= set(self.names)


class SchemaCache:
    """The tables and functions asked for so far."""

    def __init__(self) -> None:
        self._tables: dict[tuple[str, str], Table] = {}
        self._functions: dict[tuple[str, str], list[Function]] = {}
        self._timeouts: dict[str, str] = {}

    def table(self, connection: Connection, schema: str, name: str) -> Table | None:
        """Return a table or view, None when there is none."""
        table = self._tables.get((schema, name))
        if table is None:
            row = connection.execute(TABLE, {"schema": schema, "name": name}).fetchone()
            if row is not None:
                table = self._tables[schema, name] = Table(schema, name, *row)
        return table

    def functions(self, connection: Connection, schema: str, name: str) -> list[Function]:
        """Return the functions of that name, possibly none."""
        functions = self._functions.get((schema, name))
        if functions is None:
            rows = connection.execute(FUNCTIONS, {"schema": schema, "name": name}).fetchall()
            functions = [Function(*row) for row in rows]
            if functions:
                self._functions[schema, name] = functions
        return functions

    def timeout(self, connection: Connection, role: str) -> str:
        """Return the statement timeout of a role: its own, else that of the role logged in as."""
        timeouts = self._timeouts  # another thread may clear it meanwhile
        if not timeouts:
            rows = connection.execute(TIMEOUTS, {}).fetchall()
            timeouts = self._timeouts = {LOGIN_ROLE: "0"} | dict(rows)
        return timeouts.get(role) or timeouts[LOGIN_ROLE]

    def clear(self) -> None:
        """Forget everything."""
        self._timeouts = {}
        self._tables.clear()
        self._functions.clear()

    def follow(self, dsn: str) -> None:
        """Clear the cache at each change of definitions, from a thread of its own, for ever."""
        threading.Thread(target=self._listen, args=(dsn,), daemon=True, name="pgrst").start()

    def _listen(self, dsn: str) -> None:
        while True:
            with (
                contextlib.suppress(psycopg.OperationalError),
                psycopg.connect(dsn, autocommit=True, application_name="pgrst") as connection,
            ):
                connection.execute("listen pgrst")
                self.clear()  # what changed while nobody listened is unknown
                for _ in connection.notifies():
                    self.clear()
            time.sleep(RETRY_S)
