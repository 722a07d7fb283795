"""Rights in Supabase: every role x table x action is allowed exactly where supabase.txt says so."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import psycopg
import pytest

from tests.contract.rights.matrix import EVERYBODY, differences, granted, read, refused
from tests.databases import Databases

SAID = read(Path(__file__).with_name("supabase.txt"))
ROLES = {role: role for role in ("anon", "authenticated", "service_role")}
ROLES["somebody_in_particular"] = EVERYBODY
SCHEMAS = ("public", "sync")

_TABLES = """
select n.nspname || '.' || c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
where n.nspname = any(%(schemas)s) and c.relkind = 'r'
"""
_WITHOUT_ROW_SECURITY = """
select c.relname from pg_class c
where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relrowsecurity
"""
_WITHOUT_TOKEN_CHECK = """
select c.relname from pg_class c
where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
  and not exists (select from pg_policy p where p.polrelid = c.oid and not p.polpermissive
    and pg_get_expr(p.polqual, p.polrelid) like '%patient_of_token%')
"""
_UNSAFE_DEFINERS = """
select p.oid::regprocedure from pg_proc p
where p.pronamespace in ('sync'::regnamespace, 'public'::regnamespace) and p.prosecdef
  and not coalesce(p.proconfig @> array['search_path=""'], false)
"""


@pytest.fixture(scope="module", name="supabase")
def _supabase(databases: Databases) -> Generator[psycopg.Connection]:
    with databases.supabase() as dsn, psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("create role somebody_in_particular")
        yield connection
        connection.execute("drop role somebody_in_particular")


def test_every_role_may_do_with_every_thing_what_the_matrix_says(
    supabase: psycopg.Connection,
) -> None:
    assert differences(SAID, granted(supabase, ROLES, SCHEMAS, SCHEMAS)) == []


def test_the_server_refuses_each_action_that_the_matrix_does_not_allow(
    supabase: psycopg.Connection,
) -> None:
    tables = [row[0] for row in supabase.execute(_TABLES, {"schemas": list(SCHEMAS)})]
    wrong = [
        f"{role} {action} {table}"
        for role, column in ROLES.items()
        for table in tables
        for action in "SIDT"
        if refused(supabase, role, table, action) == (action in SAID[table][column])
    ]
    assert wrong == []


def test_a_new_table_is_noticed_with_all_that_the_platform_grants_on_it(
    supabase: psycopg.Connection,
) -> None:
    before = differences(SAID, granted(supabase, ROLES, SCHEMAS, SCHEMAS))
    with supabase.transaction(force_rollback=True):
        supabase.execute("create table public.novelty (id integer)")
        found = differences(SAID, granted(supabase, ROLES, SCHEMAS, SCHEMAS))
        assert supabase.execute(_WITHOUT_ROW_SECURITY).fetchall() == [("novelty",)]
        assert supabase.execute(_WITHOUT_TOKEN_CHECK).fetchall() == [("novelty",)]
    new = [line for line in found if line not in before]
    assert new == ["public.novelty has no line in the matrix: add one"]


@pytest.mark.parametrize(
    "query", [_WITHOUT_ROW_SECURITY, _WITHOUT_TOKEN_CHECK, _UNSAFE_DEFINERS],
    ids=["row_level_security", "token_check", "search_path_of_definers"],
)  # fmt: skip
def test_nothing_lacks_its_guard(supabase: psycopg.Connection, query: str) -> None:
    assert supabase.execute(query.encode()).fetchall() == []
