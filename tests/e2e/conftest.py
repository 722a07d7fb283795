"""One whole local stack for all end-to-end tests, with dead letters after seconds, not hours."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any, LiteralString, TypeVar

import httpx
import psycopg
import pytest
from psycopg.rows import dict_row

from infra.command import target
from infra.local.demo.apps import Backend, EdgeFunction, PatientApp
from infra.local.stack import Options, Stack
from shared.observability import tracing
from shared.relay import LEASE_S
from tests.e2e.collector import Collector, collector
from tests.e2e.terminal import Operator

Row = dict[str, Any]
# A generous bound, not a timing assertion: the machine may be busy. What a relay had claimed when
# it, or the store that answered it, was killed stays leased so long, and is announced only then.
PATIENCE_S = LEASE_S + 120
OVERDUE_S = 20


T = TypeVar("T")


def eventually(look: Callable[[], T | None]) -> T:
    """Return the first thing found; fail when there is none after PATIENCE_S."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.1)
    raise AssertionError("what was expected did not happen in time")


class Running:
    """A running stack with the apps that act on it and a look into its stores."""

    def __init__(self, stack: Stack, collector: Collector) -> None:
        self.stack = stack
        self.collector = collector
        self.facts = stack.describe()
        self.app = PatientApp(self.facts)
        self.edge = EdgeFunction(self.facts)
        self.backend = Backend(self.facts)

    def core(self, query: LiteralString, *values: object) -> list[Row]:
        """Return rows of core."""
        return _rows(self.facts["core_dsn"], query, values)

    def supabase(self, query: LiteralString, *values: object) -> list[Row]:
        """Return rows of Supabase."""
        return _rows(self.facts["supabase_dsn"], query, values)

    def ledger(self, key: str, step: str) -> Row | None:
        """Return an entity's ledger row in a step."""
        rows = self.core("select * from sync.ledger where key = %s and step = %s", key, step)
        return rows[0] if rows else None

    def settled(self, key: str, step: str, *states: str) -> Row:
        """
        Wait for one of these states and return the ledger's row. Meanwhile the schedule looks for
        what never came again: the emulator of Pub/Sub can forget a push that was refused.
        """
        asked_at = time.monotonic()

        def look() -> Row | None:
            nonlocal asked_at
            if time.monotonic() - asked_at > OVERDUE_S:
                asked_at = time.monotonic()
                url = f"{self.stack.url('steps')}/retry_failed"
                httpx.post(url, timeout=PATIENCE_S).raise_for_status()
            row = self.ledger(key, step)
            return row if row and row["state"] in states else None

        return eventually(look)

    def log(self, name: str) -> str:
        """Return what a process of the stack has written."""
        return (Path(self.facts["logs"]) / f"{name}.log").read_text(errors="replace")


def _rows(dsn: str, query: LiteralString, values: tuple[object, ...]) -> list[Row]:
    with psycopg.Connection[Row].connect(dsn, row_factory=dict_row, autocommit=True) as connection:
        cursor = connection.execute(query, values)
        return cursor.fetchall() if cursor.description else []


def _options(folder: Path, receiving: Collector) -> Options:
    """Dead letters and overdue messages after seconds; spans and metrics are exported, and soon."""
    environment = {
        "OVERDUE_S": str(OVERDUE_S),
        "OTEL_EXPORTER_OTLP_ENDPOINT": receiving.url,
        "OTEL_SDK_DISABLED": "false",  # whatever a test sets while the functions are deployed anew
        "OTEL_BSP_SCHEDULE_DELAY": "200",
        "OTEL_METRIC_EXPORT_INTERVAL": "1000",
    }
    stack_file = folder / "stack.json"
    return Options(stack_file, max_attempts=5, max_backoff_s=1, environment=environment)


@pytest.fixture(scope="session", name="running")
def _running(tmp_path_factory: pytest.TempPathFactory) -> Generator[Running]:
    folder = tmp_path_factory.mktemp("stack")
    with collector() as receiving, Stack(_options(folder, receiving)) as stack:
        running = Running(stack, receiving)
        running.backend.add_doctor("doctor-e2e")
        yield running
        # A function that lacks a right is retried for ever; no test need be waiting for it.
        assert "core_42501" not in running.log("steps"), "see infra/core/rights.sql"
        running.app.close()
        running.edge.close()


@pytest.fixture(name="operator")
def _operator(running: Running, monkeypatch: pytest.MonkeyPatch) -> Generator[Operator]:
    """The stack's settings are this process's for the time of a test."""
    for name, value in running.stack.settings().items():
        monkeypatch.setenv(name, value)  # undone afterwards, which the command's own would not be
    # Only the functions are to export: the command takes the settings that tell it to, too.
    monkeypatch.setattr(tracing, "_made", [None])
    yield Operator(running.stack.options.stack_file, monkeypatch)
    target._facts.clear()
    gc.collect()  # what a command left open is this test's, which allows for it
