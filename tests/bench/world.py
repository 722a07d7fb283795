"""What the benchmark runs on: real databases that flush to disk, and the local stack."""

from __future__ import annotations

import os
import resource
import sys
import time
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from functools import cached_property
from uuid import uuid4

import httpx
import psycopg

from infra.local import pubsub
from infra.local.demo.apps import Backend, EdgeFunction, PatientApp
from infra.local.demo.people import Person, papers, summary
from infra.local.postgres import Postgres
from infra.local.processes import Process, free_port
from infra.local.stack import PROJECT, Options, Stack
from infra.local.supervisor import Supervisor
from shared import catalog
from shared.stores.core import CoreDatabase
from shared.stores.supabase import Supabase
from tests.bench.report import REPOSITORY
from tests.databases import SERVICE_KEY, Databases

NAMESPACE = "5a1f0c6e-0d5b-4b52-9a4e-0f6f5f4c2b11"
_PATIENCE_S = 90.0
STACK_FILE = REPOSITORY / "build" / "bench-stack.json"


class World:
    """Made as the items ask for it, gone at the end. `quick`: the least that shows all works."""

    def __init__(self, exits: ExitStack, *, quick: bool) -> None:
        self.quick = quick
        self._exits = exits
        os.environ |= {"ID_NAMESPACE": NAMESPACE, "GOOGLE_CLOUD_PROJECT": PROJECT}

    def amount(self, full: int, quick: int) -> int:
        """Return how many: in a full run, or in a quick one."""
        return quick if self.quick else full

    @cached_property
    def databases(self) -> Databases:
        """A PostgreSQL that flushes its log at every commit, as a deployed one does."""
        supervisor = self._exits.enter_context(Supervisor())
        server = Postgres("postgres", supervisor.folder / "postgres", free_port(), durable=True)
        server.initdb(supervisor.id)
        supervisor.start(server.process(supervisor.logs / "postgres.log"))
        return Databases(server, supervisor)

    @cached_property
    def bus(self) -> str:
        """host:port of a Pub/Sub emulator with all topics, from which nothing is delivered."""
        supervisor = self._exits.enter_context(Supervisor())
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        supervisor.start(
            Process("bus", pubsub.command(port), log=supervisor.logs / "bus.log", ready=url)
        )
        for topic in catalog.load().topics:
            httpx.put(f"{url}/v1/projects/{PROJECT}/topics/{topic}", json={}).raise_for_status()
        return f"127.0.0.1:{port}"

    @cached_property
    def stack(self) -> Stack:
        """The whole local stack, without the schedules: they would work beside the measured."""
        schedules = frozenset({"relay_core_outbox", "relay_supabase_outbox", "reconcile",
                               "run_canary", "retry_failed"})  # fmt: skip
        return self._exits.enter_context(Stack(Options(STACK_FILE, unscheduled=schedules)))

    @cached_property
    def lived_in(self) -> Stack:
        """The local stack with a patient, of whom there is one entity of every kind."""
        facts = self.stack.describe()
        app, edge, backend = PatientApp(facts), EdgeFunction(facts), Backend(facts)
        backend.add_doctor("doctor-0")
        uid = app.sign_up(Person("Bench", "Patient", "email", None, "bench@example.com"))
        edge.insert(papers(uid, 2) or papers(uid, 3))
        _until(lambda: backend.knows([uid]) == 1)
        backend.prescribe(uid, "doctor-0", "prescription-0", summary(0), printed=True)
        _until(lambda: self._relayed() >= 2)
        return self.stack

    def _relayed(self) -> int:
        """Announce what the outboxes hold; return how many kinds have come through."""
        for relay in ("relay_core_outbox", "relay_supabase_outbox"):
            httpx.post(f"{self.stack.url('steps')}/{relay}", timeout=60).raise_for_status()
        with psycopg.connect(self.stack.core_dsn) as core:
            row = core.execute(
                "select count(distinct kind) from sync.ledger where state = 'done'"
                " and step in ('store_document', 'mirror_prescription')"
            ).fetchone()
        return row[0] if row else 0

    @contextmanager
    def stores(self) -> Generator[Stores]:
        """Lend fresh core and Supabase databases with the stores over them."""
        with self.databases.core() as core_dsn, self.databases.supabase() as supabase_dsn:
            url = self.databases.serve_supabase(supabase_dsn)
            stores = Stores(core_dsn, supabase_dsn, url)
            try:
                yield stores
            finally:
                stores.close()


class Stores:
    """Both databases: as the steps reach them, and as their owners do."""

    def __init__(self, core_dsn: str, supabase_dsn: str, supabase_url: str) -> None:
        self.core_dsn, self.supabase_dsn, self.supabase_url = core_dsn, supabase_dsn, supabase_url
        self.core = CoreDatabase(core_dsn)
        self.supabase = Supabase(supabase_url, SERVICE_KEY)
        self.core_sql = psycopg.connect(core_dsn, autocommit=True)
        self.supabase_sql = psycopg.connect(supabase_dsn, autocommit=True)

    def close(self) -> None:
        """Close all connections."""
        self.core.close()
        self.core_sql.close()
        self.supabase_sql.close()


@contextmanager
def world(*, quick: bool) -> Generator[World]:
    """Lend a world."""
    with ExitStack() as exits:
        yield World(exits, quick=quick)


def _until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while not holds():
        if time.monotonic() > deadline:
            raise RuntimeError("the local stack did not come to rest")
        time.sleep(0.2)


def peak_mb() -> float:
    """Return the most memory that this process ever held, in MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def fresh_id() -> str:
    """Return a new id of a synthetic entity."""
    return str(uuid4())
