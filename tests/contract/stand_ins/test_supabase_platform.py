"""What the stand-in's database has before any migration."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Generator
from typing import Any

import psycopg
import pytest
from postgrest.exceptions import APIError

from infra.local.pg_net.install import install as install_pg_net
from infra.local.supabase.install import install
from tests.contract.launcher import Project
from tests.databases import Databases

DEFINITIONS = """
select 'class', c.oid::regclass::text, relkind::text, relpersistence::text, relacl::text,
  relowner::regrole::text
from pg_class c where relnamespace::regnamespace::text !~ '^pg_|information_schema'
union all
select 'function', p.oid::regprocedure::text, md5(prosrc), proacl::text, proconfig::text,
  prosecdef::text
from pg_proc p where pronamespace::regnamespace::text !~ '^pg_|information_schema'
union all
select 'role', rolname, rolconfig::text, rolbypassrls::text, rolcanlogin::text, rolsuper::text
from pg_roles
union all
select 'member', roleid::regrole::text, member::regrole::text, '', '', '' from pg_auth_members
union all
select 'default', defaclnamespace::regnamespace::text, defaclobjtype::text, defaclacl::text, '', ''
from pg_default_acl
union all
select 'schema', nspname, nspacl::text, nspowner::regrole::text, '', '' from pg_namespace
union all
select 'trigger', evtname, evtevent, evtfoid::regprocedure::text, '', '' from pg_event_trigger
union all
select 'setting', setconfig::text, setdatabase::text, '', '', '' from pg_db_role_setting
order by 1, 2, 3
"""


@pytest.fixture(name="fresh")
def _fresh(databases: Databases) -> Generator[str]:
    """A database with the platform applied once."""
    databases.execute("create database contract_platform")
    dsn = databases.server.dsn("contract_platform")
    install(dsn)
    install_pg_net(dsn)
    yield dsn
    databases.execute("drop database contract_platform with (force)")


@pytest.fixture(name="connection")
def _connection(stand_in: Project) -> Generator[psycopg.Connection]:
    with psycopg.connect(stand_in.dsn, autocommit=True) as connection:
        yield connection


def definitions(dsn: str) -> list[Any]:
    with psycopg.connect(dsn) as connection:
        return connection.execute(DEFINITIONS).fetchall()


def test_applying_the_platform_again_changes_nothing(fresh: str) -> None:
    before = definitions(fresh)
    install(fresh)
    install_pg_net(fresh)
    assert definitions(fresh) == before
    assert {row[1] for row in before} >= {"auth.users", "net.http_request_queue", "authenticator"}


@pytest.mark.parametrize("size", [0, 1, 63, 64, 65, 127, 128, 129, 200])
@pytest.mark.parametrize("algorithm", ["sha256", "sha224", "sha384", "sha512"])
def test_hmac_agrees_with_python_for_keys_around_the_block_size(
    connection: psycopg.Connection, size: int, algorithm: str
) -> None:
    key, data = bytes(range(size % 256))[:size].ljust(size, b"k"), b"\x00payload \xff" * size
    row = connection.execute(
        "select extensions.hmac(%s::bytea, %s::bytea, %s), extensions.digest(%s::bytea, %s)",
        [data, key, algorithm, data, algorithm],
    ).fetchone()
    expected = hmac.digest(key, data, algorithm), hashlib.new(algorithm, data).digest()
    assert row == expected


def test_hmac_of_text_is_that_of_its_utf_8(connection: psycopg.Connection) -> None:
    row = connection.execute(
        "select encode(extensions.hmac('{\"id\": \"é\"}', 'ключ', 'sha256'), 'hex')"
    ).fetchone()
    expected = hmac.new("ключ".encode(), '{"id": "é"}'.encode(), "sha256").hexdigest()
    assert row == (expected,)


def test_an_unknown_hash_algorithm_is_refused(connection: psycopg.Connection) -> None:
    with pytest.raises(psycopg.errors.InvalidParameterValue):
        connection.execute("select extensions.hmac('a', 'b', 'md6')")


def test_a_vault_secret_can_be_made_read_and_changed(connection: psycopg.Connection) -> None:
    read = "select decrypted_secret from vault.decrypted_secrets where name = 'contract_secret'"
    connection.execute("delete from vault.secrets where name = 'contract_secret'")
    connection.execute("select vault.create_secret('one', 'contract_secret')")
    assert connection.execute(read).fetchone() == ("one",)
    connection.execute(
        "select vault.update_secret(id, 'two') from vault.secrets where name = 'contract_secret'"
    )
    assert connection.execute(read).fetchone() == ("two",)


@pytest.mark.parametrize("role", ["anon", "authenticated"])
@pytest.mark.parametrize(
    "relation", ["vault.decrypted_secrets", "auth.users", "auth.audit_log_entries"]
)
def test_no_client_role_reads_secrets_or_users(
    connection: psycopg.Connection, role: str, relation: str
) -> None:
    row = connection.execute(
        "select has_table_privilege(%s, %s, 'select')", [role, relation]
    ).fetchone()
    assert row == (False,)


def test_a_slow_statement_of_anon_is_cut_off_by_its_timeout(
    stand_in: Project, connection: psycopg.Connection
) -> None:
    connection.execute(
        "create or replace function platform_sleep() returns int language sql volatile"
        " as 'select 1 from pg_sleep(0.5)'"
    )
    connection.execute("alter role anon set statement_timeout = '100ms'; notify pgrst")
    try:
        with stand_in.client(stand_in.service_key) as client:
            assert client.rpc("platform_sleep").execute().data == 1
        with stand_in.client(stand_in.anon_key) as client, pytest.raises(APIError) as refusal:
            client.rpc("platform_sleep").execute()
        assert refusal.value.code == "57014"
    finally:
        connection.execute("alter role anon set statement_timeout = '3s'; notify pgrst")
