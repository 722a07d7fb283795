"""
Fixtures of the contract tests: a Supabase project, by default the stand-in over a real database.

With SUPABASE_CONTRACT_URL, _SERVICE_KEY, _ANON_KEY and _DSN set, the tests that take `project` run
against that Supabase instead, for example `supabase start`. They make and drop only objects and
users of their own. Tests that take `stand_in` are about the stand-in itself.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psycopg
import pytest
from postgrest.exceptions import APIError
from supabase import Client, ClientOptions, create_client

from infra.local.loopback import LoopbackServer
from infra.local.pg_net.install import install as install_pg_net
from infra.local.processes import free_port
from infra.local.supabase.install import install
from tests.contract.stand_ins.receiver import Receiver
from tests.databases import Databases

REPOSITORY = Path(__file__).parents[3]
REAL = {
    name: os.environ.get(f"SUPABASE_CONTRACT_{name}", "")
    for name in ("URL", "DSN", "SERVICE_KEY", "ANON_KEY")
}
JWT_SECRET = "a secret of the contract tests, at least 32 bytes"
FIREBASE_PROJECT = "demo-contract"


def until(holds: Callable[[], bool], seconds: float = 30) -> None:
    """Wait until something holds; an API error means not yet (the schema cache is being read)."""
    deadline = time.monotonic() + seconds
    while True:
        with contextlib.suppress(APIError):
            if holds():
                return
        assert time.monotonic() < deadline, "it never came to hold"
        time.sleep(0.02)


@dataclass(frozen=True)
class Project:
    """Where a Supabase project is, and the keys to it."""

    url: str
    dsn: str
    service_key: str = field(default_factory=lambda: secrets.token_hex(16))
    anon_key: str = field(default_factory=lambda: secrets.token_hex(16))

    @contextlib.contextmanager
    def client(self, key: str, token: str = "") -> Generator[Client]:
        """Lend a client with the given key; `token` is a bearer token other than the key."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        # No TLS context for loopback: making one costs 20 ms a client.
        with httpx.Client(timeout=20, trust_env=False, verify=self.url.startswith("https")) as http:
            options = ClientOptions(
                headers=headers,
                httpx_client=http,
                auto_refresh_token=False,
                persist_session=False,
                postgrest_client_retry=False,
            )
            yield create_client(self.url, key, options)


@dataclass
class StandIn:
    """One stand-in as a process; `says` is what it prints when it is ready."""

    argv: list[str]
    log: Path
    says: str = "listening"
    env: Mapping[str, str] = field(default_factory=dict[str, str])
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> StandIn:
        """Start it (again) and wait until it is ready."""
        self.spawn()
        until(self.is_ready, seconds=60)
        return self

    def is_ready(self) -> bool:
        """Tell whether it said so; fails with its log if it ended instead."""
        log = self.log.read_text()
        assert self.process is not None
        assert self.process.poll() is None, f"it ended:\n{log}"
        return self.says in log

    def spawn(self) -> None:
        """Start it without waiting."""
        command = [sys.executable, "-m", *self.argv]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command, cwd=REPOSITORY, stdout=log, stderr=log, env={**os.environ, **self.env}
            )

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send it a signal and return its exit code."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(timeout=60)


@dataclass
class Launcher:
    """Makes stand-ins and ends those that still run."""

    folder: Path
    made: list[StandIn] = field(default_factory=list)

    def make(self, module: str, *arguments: str, says: str = "listening", **env: str) -> StandIn:
        """Return `python -m infra.local.MODULE`, to be started."""
        log = self.folder / f"{module}-{len(self.made)}.log"
        self.made.append(StandIn([f"infra.local.{module}", *arguments], log, says, env))
        return self.made[-1]

    def supabase(self, dsn: str) -> tuple[Project, StandIn]:
        """Return a project and its stand-in over a database, to be started."""
        port = free_port()
        project = Project(f"http://127.0.0.1:{port}", dsn)
        return project, self.make(
            "supabase",
            *("--port", str(port), "--firebase-project", FIREBASE_PROJECT),
            SUPABASE_DSN=dsn,
            SUPABASE_SERVICE_KEY=project.service_key,
            SUPABASE_ANON_KEY=project.anon_key,
            SUPABASE_JWT_SECRET=JWT_SECRET,
        )


@pytest.fixture(scope="session", name="launcher")
def _launcher(tmp_path_factory: pytest.TempPathFactory) -> Generator[Launcher]:
    launcher = Launcher(tmp_path_factory.mktemp("stand-ins"))
    yield launcher
    for stand_in in launcher.made:
        if stand_in.process is not None and stand_in.process.poll() is None:
            stand_in.end()


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
