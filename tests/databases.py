"""Real PostgreSQL for tests: one server per session, one database per test, from a template."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import psycopg

from infra import migrate
from infra.local.postgres import Postgres
from infra.local.processes import free_port
from infra.local.supervisor import Supervisor

BACKEND = Path(migrate.__file__).parent / "core" / "backend.sql"
_numbers = count(1)


class Databases:
    """Hands out fresh databases with all migrations applied."""

    def __init__(self, server: Postgres) -> None:
        self.server = server
        self.execute("create database core_template")
        with psycopg.connect(server.dsn("core_template")) as connection:
            connection.execute(BACKEND.read_bytes())
        migrate.migrate("core", server.dsn("core_template"))

    def execute(self, statement: str) -> None:
        """Run a statement outside any transaction."""
        with psycopg.connect(self.server.dsn("postgres"), autocommit=True) as connection:
            connection.execute(statement.encode())

    @contextmanager
    def core(self) -> Generator[str]:
        """Lend a fresh core database; yields its connection string."""
        name = f"core_{next(_numbers)}"
        self.execute(f"create database {name} template core_template")
        try:
            yield self.server.dsn(name)
        finally:
            self.execute(f"drop database {name} with (force)")


@contextmanager
def databases() -> Generator[Databases]:
    """Run a PostgreSQL server for the time of a test session."""
    with Supervisor() as supervisor:
        server = Postgres("postgres", supervisor.folder / "postgres", free_port())
        server.initdb(supervisor.id)
        supervisor.start(server.process(supervisor.logs / "postgres.log"))
        yield Databases(server)
