"""Real PostgreSQL for tests: one server per session, one database per test, from a template."""

from __future__ import annotations

import sys
from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from copy import copy
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from infra import migrate
from infra.local.pg_net import install as pg_net
from infra.local.postgres import SUPERUSER, Postgres
from infra.local.processes import Process, base_environment, free_port
from infra.local.supabase import install as platform
from infra.local.supervisor import Supervisor
from infra.logins import role_name
from shared.stores.core import CoreDatabase

REPOSITORY = Path(migrate.__file__).parents[1]
BACKEND = REPOSITORY / "infra" / "core" / "backend.sql"
FIREBASE_PROJECT = "demo-x"
SERVICE_KEY, ANON_KEY = "service-key-of-the-tests", "anon-key-of-the-tests"
_numbers = count(1)
_OWNER = """
do $$ begin
  if not exists (select from pg_roles where rolname = 'core_owner') then
    create role core_owner createrole;
  end if;
end $$
"""


class Databases:
    """Hands out fresh databases with all migrations applied, and Supabase's API over one."""

    def __init__(self, server: Postgres, supervisor: Supervisor) -> None:
        self.server = server
        self._supervisor = supervisor
        self._templates: set[str] = set()
        self._spares: dict[tuple[str, str], Future[str]] = {}
        self._beside = ThreadPoolExecutor(1)

    def execute(self, statement: str) -> None:
        """Run a statement outside any transaction."""
        with psycopg.connect(self.server.dsn("postgres"), autocommit=True) as connection:
            connection.execute(statement.encode())

    @contextmanager
    def empty(self) -> Generator[str]:
        """Lend a database without anything in it; yields its connection string."""
        with self._lent("template0") as dsn:
            yield dsn

    @contextmanager
    def core(self) -> Generator[str]:
        """Lend a fresh core database: the backend's tables and our schema."""
        with self._lent(self._template("core_template"), owner="core_owner") as dsn:
            yield dsn

    @contextmanager
    def supabase(self) -> Generator[str]:
        """Lend a fresh Supabase database: the platform's schemas, pg_net and our migrations."""
        with self._lent(self._template("supabase_template")) as dsn:
            yield dsn

    def serve_supabase(self, dsn: str) -> str:
        """Run the stand-in for Supabase's HTTP APIs over a database; return its URL."""
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        process = Process(
            "supabase",
            [sys.executable, "-m", "infra.local.supabase", "--port", str(port)],
            log=self._supervisor.logs / "supabase.log",
            env=base_environment(
                SUPABASE_DSN=dsn, SUPABASE_SERVICE_KEY=SERVICE_KEY, SUPABASE_ANON_KEY=ANON_KEY
            ),
            cwd=REPOSITORY,
            ready=url,
        )
        self._supervisor.start(process)
        return url

    def close(self) -> None:
        """Wait for what is done beside the tests."""
        self._beside.shutdown(cancel_futures=True)

    @contextmanager
    def _lent(self, template: str, owner: str = SUPERUSER) -> Generator[str]:
        """Lend a copy of a template. The next is made, and this one dropped, beside the test."""
        spare = self._spares.pop((template, owner), None)
        name = spare.result() if spare else self._copy(template, owner)
        self._spares[template, owner] = self._beside.submit(self._copy, template, owner)
        try:
            yield self.server.dsn(name)
        finally:
            self._beside.submit(self.execute, f"drop database {name} with (force)")

    def _copy(self, template: str, owner: str) -> str:
        name = f"test_{next(_numbers)}"
        # Copying files takes a third of the time of writing every page to the log.
        self.execute(f"create database {name} template {template} owner {owner} strategy file_copy")
        return name

    def _template(self, name: str) -> str:
        """Make a template when it is first asked for; return its name."""
        if name not in self._templates:
            self.execute(f"create database {name}")
            {"core_template": install_core, "supabase_template": install_supabase}[name](
                self.server.dsn(name)
            )
            self._templates.add(name)
        return name


def install_core(dsn: str) -> None:
    """Bring the backend's tables and our schema into an empty database, as an ordinary owner."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(_OWNER)
        connection.execute("grant create on schema public to core_owner")
        name = sql.Identifier(connection.info.dbname)
        connection.execute(sql.SQL("alter database {} owner to core_owner").format(name))
    owner = make_conninfo(dsn, options="-c role=core_owner")
    with psycopg.connect(owner) as connection:
        connection.execute(BACKEND.read_bytes())
    migrate.migrate("core", owner)


class _RolePool:
    """A pool whose connections act as one role while they are lent."""

    def __init__(self, pool: Any, role: str) -> None:
        self._pool, self._role = pool, sql.Identifier(role)

    @contextmanager
    def connection(self) -> Generator[psycopg.Connection]:
        with self._pool.connection() as connection:
            connection.execute(sql.SQL("set role {}").format(self._role))
            try:
                yield connection
            finally:
                if not connection.closed:
                    connection.execute("reset role")


def acting(core: CoreDatabase, duty: str) -> CoreDatabase:
    """Return core as the functions of a duty have it: under that role's rights."""
    own = copy(core)
    vars(own)["_pool"] = _RolePool(core._pool, role_name(duty))
    return own


def install_supabase(dsn: str) -> None:
    """Make an empty database a Supabase project with our migrations."""
    platform.install(dsn)
    pg_net.install(dsn)
    migrate.migrate("supabase", dsn)
    platform.trust(dsn, FIREBASE_PROJECT)


@contextmanager
def databases() -> Generator[Databases]:
    """Run a PostgreSQL server for the time of a test session."""
    with Supervisor() as supervisor:
        server = Postgres("postgres", supervisor.folder / "postgres", free_port())
        server.initdb(supervisor.id)
        supervisor.start(server.process(supervisor.logs / "postgres.log"))
        running = Databases(server, supervisor)
        try:
            yield running
        finally:
            running.close()
