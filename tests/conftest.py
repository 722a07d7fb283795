"""Fixtures of all tests."""

from __future__ import annotations

import os
from collections.abc import Generator
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg.rows import dict_row

from shared.stores.core import CoreDatabase
from tests.databases import SERVICE_KEY, Databases, databases

if TYPE_CHECKING:
    from shared.stores.supabase import Supabase
    from tests.contract.postgres_core_world import CoreWorld
    from tests.contract.supabase_worlds import SupabaseWorld

NAMESPACE = "5a1f0c6e-0d5b-4b52-9a4e-0f6f5f4c2b11"


@pytest.fixture(autouse=True)
def _settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start every test from a clean environment: nothing of the developer's own leaks in."""
    for name in list(os.environ):
        if name.endswith(("_EMULATOR_HOST", "_DSN")) or name.startswith(("SUPABASE_", "OPENAI_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("FINGERPRINT_KEY", "key of the tests")
    monkeypatch.setenv("ID_NAMESPACE", NAMESPACE)
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "demo-test")


@pytest.fixture(scope="session", name="databases")
def _databases() -> Generator[Databases]:
    with databases() as running:
        yield running


@pytest.fixture(name="core_dsn")
def _core_dsn(databases: Databases) -> Generator[str]:
    with databases.core() as dsn:
        yield dsn


@pytest.fixture(name="core")
def _core(core_dsn: str) -> Generator[CoreDatabase]:
    database = CoreDatabase(core_dsn)
    yield database
    database.close()


@pytest.fixture(name="sql")
def _sql(core_dsn: str) -> Generator[psycopg.Connection[dict[str, object]]]:
    """A plain connection to core, as the backend has one."""
    connection = psycopg.Connection[dict[str, object]].connect(
        core_dsn, autocommit=True, row_factory=dict_row
    )
    with connection:
        yield connection


@pytest.fixture(scope="session", name="supabase_served")
def _supabase_served(databases: Databases) -> Generator[tuple[str, Supabase]]:
    """One Supabase for the session, since a process serves it: its database and a real client."""
    from shared.stores.supabase import Supabase

    with databases.supabase() as dsn:
        client = Supabase(databases.serve_supabase(dsn), SERVICE_KEY)
        yield dsn, client
        client.close()


@pytest.fixture(name="supabase_sql")
def _supabase_sql(
    supabase_served: tuple[str, Supabase],
) -> Generator[psycopg.Connection[dict[str, object]]]:
    """A plain connection to Supabase's database, emptied, as the edge function has one."""
    connection = psycopg.Connection[dict[str, object]].connect(
        supabase_served[0], autocommit=True, row_factory=dict_row
    )
    with connection:
        connection.execute(
            "truncate public.documents, public.rag_chunks, auth.users, auth.audit_log_entries,"
            " sync.outbox, sync.tombstones, sync.removed_files cascade"
        )
        yield connection


@pytest.fixture(name="supabase")
def _supabase(
    supabase_served: tuple[str, Supabase],
    supabase_sql: object,  # empties the database first
) -> Supabase:
    """The real client over the stand-in; it finds no data but the test's own."""
    return supabase_served[1]


@pytest.fixture(name="at_core", params=["memory", "postgres"])
def _at_core(request: pytest.FixtureRequest) -> CoreWorld:
    """Core in memory, then core in a real database: a contract test runs on both."""
    from tests.contract.postgres_core_world import MemoryCoreWorld, PostgresCoreWorld

    if request.param == "memory":
        return MemoryCoreWorld()
    return PostgresCoreWorld(request.getfixturevalue("core"), request.getfixturevalue("sql"))


@pytest.fixture(name="at_supabase", params=["memory", "http"])
def _at_supabase(request: pytest.FixtureRequest) -> SupabaseWorld:
    """Supabase in memory, then the real client over the stand-in."""
    from tests.contract.supabase_worlds import HttpSupabaseWorld, MemorySupabaseWorld

    if request.param == "memory":
        return MemorySupabaseWorld()
    sql = request.getfixturevalue("supabase_sql")
    return HttpSupabaseWorld(request.getfixturevalue("supabase"), sql)
