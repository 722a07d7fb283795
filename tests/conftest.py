"""Fixtures of all tests."""

from __future__ import annotations

import os
from collections.abc import Generator

import psycopg
import pytest
from psycopg.rows import dict_row

from shared.stores.core import CoreDatabase
from tests.databases import Databases, databases

NAMESPACE = "5a1f0c6e-0d5b-4b52-9a4e-0f6f5f4c2b11"


@pytest.fixture(autouse=True)
def _settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start every test from a clean environment: nothing of the developer's own leaks in."""
    for name in list(os.environ):
        if name.endswith(("_EMULATOR_HOST", "_DSN")) or name.startswith(("SUPABASE_", "OPENAI_")):
            monkeypatch.delenv(name)
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
