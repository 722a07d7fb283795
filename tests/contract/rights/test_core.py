"""Rights in core: every role x table x action is allowed exactly where core.txt says so."""

from __future__ import annotations

import re
from collections.abc import Generator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from infra import migrate
from infra.logins import login, role_name, setting
from shared import catalog
from tests.contract.rights.matrix import EVERYBODY, Matrix, differences, granted, read, refused
from tests.databases import Databases, install_core

SAID = read(Path(__file__).with_name("core.txt"))
DUTIES = [column for column in next(iter(SAID.values())) if column != EVERYBODY]
ROLES_ONLY = {role_name(duty): duty for duty in DUTIES}
ROLES = ROLES_ONLY | {"nobody_in_particular": EVERYBODY}
SCHEMAS, WITH_FUNCTIONS = ("public", "sync", "healbridge_migrations"), ("sync",)

_TABLES = """
select n.nspname || '.' || c.relname, c.relkind::text
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where n.nspname = any(%(schemas)s) and c.relkind in ('r', 'v')
"""
_ABOUT_ROLES = """
select rolname, rolsuper or rolcreaterole or rolcreatedb or rolbypassrls or rolreplication,
       exists (select from pg_auth_members m where m.member = r.oid),
       exists (select from pg_class c where c.relowner = r.oid)
         or exists (select from pg_proc p where p.proowner = r.oid)
from pg_roles r where rolname = any(%(roles)s)
"""
_UNSAFE_DEFINERS = """
select p.proname from pg_proc p join pg_roles o on o.oid = p.proowner
where p.pronamespace = 'sync'::regnamespace and p.prosecdef
  and (o.rolsuper or not coalesce(p.proconfig @> array['search_path=""'], false))
"""


@pytest.fixture(scope="module", name="core")
def _core(databases: Databases) -> Generator[psycopg.Connection]:
    with databases.core() as dsn, psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("create role nobody_in_particular")
        yield connection
        connection.execute("drop role nobody_in_particular")


def actual(core: psycopg.Connection) -> Matrix:
    return granted(core, ROLES, SCHEMAS, WITH_FUNCTIONS)


def test_every_role_may_do_with_every_thing_what_the_matrix_says(core: psycopg.Connection) -> None:
    assert differences(SAID, actual(core)) == []


def test_the_server_refuses_each_action_that_the_matrix_does_not_allow(
    core: psycopg.Connection,
) -> None:
    kinds = dict(core.execute(_TABLES, {"schemas": list(SCHEMAS)}).fetchall())
    wrong = [
        f"{role} {action} {table}"
        for role, column in ROLES.items()
        for table, kind in kinds.items()
        for action in ("SIDT" if kind == "r" else "S")  # a view takes no writes from anybody
        if refused(core, role, table, action) == (action in SAID[table][column].upper())
    ]
    assert wrong == []


def test_a_new_table_or_function_without_a_line_is_noticed(core: psycopg.Connection) -> None:
    before = differences(SAID, actual(core))
    with core.transaction(force_rollback=True):
        core.execute("create table sync.novelty (id integer)")
        core.execute("create function sync.new_deed() returns integer language sql return 1")
        core.execute("grant delete on sync.journal to healbridge_people")
        found = differences(SAID, actual(core))
    assert [line for line in found if line not in before] == [
        "sync.journal: people may do D, the matrix says -",
        "sync.new_deed() has no line in the matrix: add one",
        "sync.novelty has no line in the matrix: add one",
    ]


def test_a_right_that_is_not_written_down_is_gone_after_the_next_migration(
    databases: Databases,
) -> None:
    with databases.core() as dsn, psycopg.connect(dsn, autocommit=True) as connection:
        before = granted(connection, ROLES_ONLY, SCHEMAS, WITH_FUNCTIONS)
        connection.execute("grant all on all tables in schema public, sync to healbridge_status")
        connection.execute("grant select on sync.journal to public")
        migrate.migrate("core", make_conninfo(dsn, options="-c role=core_owner"))
        assert granted(connection, ROLES_ONLY, SCHEMAS, WITH_FUNCTIONS) == before


def test_no_role_is_more_than_its_grants(core: psycopg.Connection) -> None:
    known = core.execute(_ABOUT_ROLES, {"roles": list(ROLES)}).fetchall()
    assert sorted(known) == sorted((role, False, False, False) for role in ROLES)


def test_what_acts_with_the_owners_rights_is_fixed_to_its_schemas_and_no_superusers(
    core: psycopg.Connection,
) -> None:
    assert core.execute(_UNSAFE_DEFINERS).fetchall() == []


def test_every_function_with_core_has_a_role_that_exists() -> None:
    for function in catalog.load().functions.values():
        expected = "CORE_DSN" in function.secrets
        assert (function.core_role in DUTIES) == expected, f"{function.name}: see `core_role`"


def test_a_login_opens_core_for_its_role_alone_and_a_second_one_replaces_it(
    databases: Databases,
) -> None:
    with databases.empty() as dsn:
        install_core(dsn)
        first = login(dsn, "relay")
        with psycopg.connect(first) as connection:
            assert connection.execute("select current_user").fetchone() == ("healbridge_relay",)
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute("select from users")
        second = login(dsn, "relay", through="127.0.0.1:6432")
        parts = conninfo_to_dict(second)
        assert (parts["host"], parts["port"]) == ("127.0.0.1", "6432")
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(first)
        with psycopg.connect(dsn, autocommit=True) as connection:
            role = sql.Identifier("healbridge_relay")
            connection.execute(sql.SQL("alter role {} nologin password null").format(role))


def test_the_secret_of_a_role_is_named_after_it() -> None:
    assert setting("people") == "CORE_DSN_PEOPLE"
    assert re.fullmatch(r"[A-Z_]+", setting("operator"))
