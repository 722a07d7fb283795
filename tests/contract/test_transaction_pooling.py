"""
Core behind a pooler in transaction mode: nothing of a step depends on a session.

Each test runs on the database itself and, wherever there is a PgBouncer to be had, through a real
one with fewer connections than clients.
"""

from __future__ import annotations

from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import LiteralString

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from infra.local import pgbouncer
from infra.local.processes import free_port
from infra.local.supervisor import Supervisor
from shared.erasure.tombstones import BuriedError
from shared.events import Ref
from shared.outcomes import done
from shared.runner import Batch
from shared.stores.core import CoreDatabase
from shared.stores.core_outbox import CoreOutbox
from shared.stores.core_tombstones import CoreTombstones
from shared.stores.ledger import Ledger

CLIENTS, SERVERS = 12, 3
DOORS = ["direct", "pgbouncer"] if pgbouncer.pgbouncer() else ["direct"]
_COUNT: LiteralString = """
insert into sync.ledger as l (kind, key, step, state, source_version)
values ('user', 'u1', 'counted', 'done', %(seen)s + 1)
on conflict (kind, key, step) do update set source_version = l.source_version + 1
returning source_version
"""


@pytest.fixture(name="door", params=DOORS)
def _door(request: pytest.FixtureRequest, core_dsn: str, tmp_path: Path) -> Generator[str]:
    if request.param == "direct":
        yield core_dsn
        return
    with Supervisor() as supervisor:
        port = free_port()
        folder = supervisor.folder / "pgbouncer"
        settings = pgbouncer.shared(port, core_dsn, SERVERS)
        supervisor.start(pgbouncer.process(folder, port, settings))
        yield make_conninfo(core_dsn, port=port)


@pytest.fixture(name="clients")
def _clients(door: str, monkeypatch: pytest.MonkeyPatch) -> Generator[list[CoreDatabase]]:
    """As many instances of functions, each with a pool of its own."""
    monkeypatch.setenv("CORE_POOL_SIZE", "2")
    made = [CoreDatabase(door) for _ in range(CLIENTS)]
    yield made
    for core in made:
        core.close()


def test_writes_under_a_lock_lose_no_update(clients: list[CoreDatabase]) -> None:
    def write(core: CoreDatabase) -> list[int]:
        rows = [core.write(_COUNT, {"seen": 0}, lock=["user/u1"]) for _ in range(20)]
        return [row[0]["source_version"] for row in rows]

    with ThreadPoolExecutor(CLIENTS) as threads:
        seen = [n for numbers in threads.map(write, clients) for n in numbers]
    assert sorted(seen) == list(range(1, CLIENTS * 20 + 1))


def test_what_marks_a_write_as_ours_ends_with_it(clients: list[CoreDatabase]) -> None:
    def look(core: CoreDatabase) -> set[tuple[str | None, str]]:
        found: set[tuple[str | None, str]] = set()
        for _ in range(10):
            core.write(_COUNT, {"seen": 0}, lock=["user/u1"])
            row = core.read(
                "select current_setting('sync.origin', true) as origin,"
                " current_setting('statement_timeout') as timeout", {}
            )[0]  # fmt: skip
            found.add((row["origin"] or None, row["timeout"]))
        return found

    with ThreadPoolExecutor(CLIENTS) as threads:
        assert set.union(*threads.map(look, clients)) == {(None, "0")}


def test_a_failed_write_leaves_nothing_behind_and_the_connection_usable(
    clients: list[CoreDatabase],
) -> None:
    core = clients[0]
    with pytest.raises(Exception, match="core_22012"):
        core.write("insert into sync.ledger (kind, key, step, state, source_version)"
                   " values ('user', 'u1', 'failed', 'done', 1 / %(zero)s)", {"zero": 0},
                   lock=["user/u1"])  # fmt: skip
    locks = "select count(*) as n from pg_locks where locktype = 'advisory'"
    assert core.read(locks, {})[0]["n"] == 0
    assert core.read("select * from sync.ledger where step = 'failed'", {}) == []


def test_a_question_that_travels_along_is_answered_before_anything_is_written(
    clients: list[CoreDatabase], door: str
) -> None:
    with psycopg.connect(door, autocommit=True, prepare_threshold=None) as sql:
        sql.execute("select sync.order_erasure('erased', 'operator')")

    def work(number: int) -> str:
        core = clients[number]
        uid = "erased" if number % 2 else f"u{number}"
        try:
            with CoreTombstones(core).asked_along([Ref("user", uid)]):
                core.write(_COUNT, {"seen": 0}, lock=["user/u1"])
        except BuriedError:
            return "buried"
        return "written"

    with ThreadPoolExecutor(CLIENTS) as threads:
        became = list(threads.map(work, range(CLIENTS)))
    assert became == ["written", "buried"] * (CLIENTS // 2)
    row = clients[0].read("select source_version as n from sync.ledger where step = 'counted'", {})
    assert row[0]["n"] == CLIENTS // 2


def test_the_stores_work_for_all_clients_at_once(clients: list[CoreDatabase], door: str) -> None:
    with psycopg.connect(door, autocommit=True, prepare_threshold=None) as sql:
        sql.execute(
            "insert into sync.outbox (kind, key, version)"
            " select 'prescription', n::text, n from generate_series(1, 600) n"
        )

    def work(number: int) -> int:
        core = clients[number]
        batch = Batch("store_user", (Ref("user", f"u{number}"),), "")
        Ledger(core).record(batch, [done(ref) for ref in batch.refs])
        token = f"00000000-0000-4000-8000-{number:012}"
        claimed = CoreOutbox(core).claim(token, 50, 60)
        CoreOutbox(core).settle(token, claimed)
        return len(claimed)

    with ThreadPoolExecutor(CLIENTS) as threads:
        assert sum(threads.map(work, range(CLIENTS))) == 600
    row = clients[0].read("select count(*) as n from sync.outbox where sent_at is null", {})[0]
    assert row["n"] == 0


def test_behind_the_pooler_clients_share_its_connections(
    clients: list[CoreDatabase], core_dsn: str, door: str
) -> None:
    def backends(core: CoreDatabase) -> set[int]:
        rows = [core.read("select pg_backend_pid() as pid, pg_sleep(0.01)", {}) for _ in range(5)]
        return {row[0]["pid"] for row in rows}

    with ThreadPoolExecutor(CLIENTS) as threads:
        used = set.union(*threads.map(backends, clients))
    assert len(used) == CLIENTS if door == core_dsn else len(used) <= SERVERS
