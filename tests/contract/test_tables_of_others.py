"""The tables are others': what the sync needs of them it makes, and it stands in nobody's way."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from infra import migrate
from shared.repair.projections import PROJECTIONS
from tests.databases import BACKEND, Databases

Sql = psycopg.Connection[dict[str, Any]]

_INDEXES = """
select i.indexrelid::regclass::text as name from pg_index i
join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
where i.indrelid = %(table)s::regclass and a.attname = %(column)s and i.indpred is null
"""
_REFERENCES = """
select c.conrelid::regclass::text as source, a.attname as name
from pg_constraint c join pg_attribute a on a.attrelid = c.conrelid and a.attnum = c.conkey[1]
where c.contype = 'f' and c.connamespace = 'public'::regnamespace
  and c.confrelid::regclass::text
    in ('users', 'patients', 'appointments', 'prescriptions', 'documents')
"""
# What Prisma writes when a value is taken out of an enum.
_ENUM_ANEW = """
create type "AppointmentStatus_new" as enum
  ('HOLD', 'CONFIRMED', 'STARTED', 'COMPLETED', 'CANCELLED');
alter table appointments alter column status drop default;
alter table appointments alter column status type "AppointmentStatus_new"
  using (status::text::"AppointmentStatus_new");
alter type "AppointmentStatus" rename to "AppointmentStatus_old";
alter type "AppointmentStatus_new" rename to "AppointmentStatus";
drop type "AppointmentStatus_old";
alter table appointments alter column status set default 'HOLD';
"""


def test_whatever_hangs_on_a_patient_is_found_by_an_index(sql: Sql) -> None:
    references = [(row["source"], row["name"]) for row in sql.execute(_REFERENCES).fetchall()]
    assert ("medications", "document_id") in references
    bare = [
        (table, column)
        for table, column in references
        if not sql.execute(_INDEXES, {"table": table, "column": column}).fetchall()
    ]
    assert bare == []


def test_an_index_that_the_backend_has_itself_is_not_made_again(databases: Databases) -> None:
    with databases.empty() as dsn:
        with psycopg.connect(dsn) as connection:
            connection.execute(BACKEND.read_bytes())
            connection.execute("create index own on medications (document_id, name)")
        migrate.migrate("core", dsn)
        with psycopg.connect(dsn) as connection:
            asked = {"table": "medications", "column": "document_id"}
            assert connection.execute(_INDEXES, asked).fetchall() == [("own",)]


def digested(sql: Sql, store: str) -> set[str]:
    """Return the projections of a store that can be digested."""
    names = {name for name, p in PROJECTIONS.items() if store in (p.source, p.target)}
    for name in names:
        sql.execute("select sync.digest_page(%(name)s, 0, 1000)", {"name": name})
    return names


def test_the_backend_may_make_an_enum_anew(sql: Sql) -> None:
    sql.execute(SQL(_ENUM_ANEW))
    assert "appointments" in digested(sql, "core")


@pytest.mark.parametrize("column", ["email", "phone", "raw_app_meta_data", "raw_user_meta_data"])
def test_gotrue_may_change_its_users(supabase_sql: Sql, column: str) -> None:
    """Rolled back: the database is the whole session's."""
    kind = SQL("jsonb" if column.startswith("raw") else "varchar(250)")
    with supabase_sql.transaction(force_rollback=True):
        supabase_sql.execute(
            SQL("alter table auth.users alter {0} type {1} using {0}::{1}").format(
                Identifier(column), kind
            )
        )
        assert "auth_users" in digested(supabase_sql, "supabase")


@pytest.mark.parametrize("name", sorted(PROJECTIONS))
def test_a_projection_is_read_where_its_page_lies(sql: Sql, supabase_sql: Sql, name: str) -> None:
    """Called as it is, a function would hand over all rows for each page."""
    for place, store in ((sql, "core"), (supabase_sql, "supabase")):
        if store not in (PROJECTIONS[name].source, PROJECTIONS[name].target):
            continue
        rows = place.execute(
            SQL(
                "explain select count(canonical) from sync.{}()"
                " where at >= '(0,0)'::tid and at < '(9,0)'::tid"
            ).format(Identifier(f"projection_{name}"))
        ).fetchall()
        plan = "\n".join(row["QUERY PLAN"] for row in rows)
        assert "(ctid >= '(0,0)'::tid)" in plan
        assert "Function Scan" not in plan
