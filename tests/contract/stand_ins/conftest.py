"""
Fixtures of the contract tests: a Supabase project, by default the stand-in over a real database.

With SUPABASE_CONTRACT_URL, _SERVICE_KEY, _ANON_KEY and _DSN set, the tests that take `project` run
against that Supabase instead, for example `supabase start`. They make and drop only objects and
users of their own. Tests that take `stand_in` are about the stand-in itself.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from supabase import Client

from infra.local.loopback import LoopbackServer
from infra.local.pg_net.install import install as install_pg_net
from infra.local.supabase.install import install
from tests.contract.launcher import Launcher, Project, until
from tests.contract.stand_ins.receiver import Receiver
from tests.databases import Databases

REAL = {
    name: os.environ.get(f"SUPABASE_CONTRACT_{name}", "")
    for name in ("URL", "DSN", "SERVICE_KEY", "ANON_KEY")
}


@pytest.fixture(scope="session", name="stand_in")
def _stand_in(launcher: Launcher, databases: Databases) -> Project:
    """The stand-in, over a database that has the platform and nothing else."""
    databases.execute("create database contract")
    dsn = databases.server.dsn("contract")
    install(dsn)
    install_pg_net(dsn)
    project, process = launcher.supabase(dsn)
    process.start()
    return project


@pytest.fixture(scope="session", name="project")
def _project(request: pytest.FixtureRequest) -> Project:
    """The project under test: a real one if the environment names it, else the stand-in."""
    if REAL["URL"]:
        return Project(REAL["URL"], REAL["DSN"], REAL["SERVICE_KEY"], REAL["ANON_KEY"])
    return request.getfixturevalue("stand_in")


@pytest.fixture(scope="session", name="service")
def _service(project: Project) -> Generator[Client]:
    with project.client(project.service_key) as client:
        yield client


@pytest.fixture(scope="session", name="anon")
def _anon(project: Project) -> Generator[Client]:
    with project.client(project.anon_key) as client:
        yield client


@pytest.fixture(scope="session", name="database")
def _database(project: Project) -> Generator[psycopg.Connection]:
    """A connection to the project's database as its owner."""
    with psycopg.connect(project.dsn, autocommit=True) as connection:
        yield connection


@pytest.fixture(scope="session", name="schema")
def _schema(database: psycopg.Connection, service: Client) -> None:
    """The tables and functions of schema.sql, seen by the API."""
    database.execute((Path(__file__).parent / "schema.sql").read_bytes())
    until(lambda: service.rpc("contract_add", {"a": 1}).execute().data == 11)


@pytest.fixture(name="receiver")
def _receiver() -> Generator[Receiver]:
    """A server on 127.0.0.1 that remembers what it was sent."""
    receiver = Receiver()
    with LoopbackServer(0, receiver.answer) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        receiver.url = f"http://127.0.0.1:{server.port}"
        yield receiver
        server.shutdown()
        thread.join()


@pytest.fixture(name="net")
def _net(stand_in: Project) -> Generator[psycopg.Connection]:
    """A connection to the stand-in's database, with pg_net's tables emptied."""
    with psycopg.connect(stand_in.dsn, autocommit=True) as connection:
        connection.execute(
            "truncate net.http_request_queue, net._http_response restart identity;"
            "delete from net.standin_faults"
        )
        yield connection


@pytest.fixture(name="rows")
def _rows(schema: None, database: psycopg.Connection) -> None:
    """Three documents; 1 has tags and meta, 2 has a comma and quotes in its title."""
    database.execute("truncate contract_documents, contract_chunks restart identity cascade")
    database.execute(
        "insert into contract_documents (id, title, size, tags, meta, deleted_at) values"
        " (1, 'alpha', 1, '{x,y}', '{\"k\": {\"n\": 5}}', null),"
        " (2, 'b,\"c\" (d)', 2, '{y}', null, null),"
        " (3, 'gamma', 3, null, '{\"k\": {\"n\": 6}}', '2026-01-02T03:04:05Z')"
    )


@pytest.fixture(name="table")
def _table(service: Client) -> Callable[[], Any]:
    return lambda: service.table("contract_documents")
