"""A version of core's is drawn under its outbox row's lock: it never goes back."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, LiteralString

import psycopg
import pytest
from psycopg.rows import dict_row

from shared.stores.core import CoreDatabase
from tests.contract.postgres_core_world import PostgresCoreWorld

Sql = psycopg.Connection[dict[str, Any]]


@pytest.mark.parametrize(
    "change",
    [
        "update prescriptions set pdf_url = 's3://b/new.pdf'",
        "delete from prescriptions",
        "update users set firebase_uid = 'another' where id = 'someone'",
        "select sync.announce_again('prescription', '{rx}')",
    ],
)
def test_a_version_is_drawn_when_nobody_else_can_draw_a_later_one(
    core: CoreDatabase, sql: Sql, core_dsn: str, change: LiteralString
) -> None:
    """Else the entity's version would go back, and its targets refuse the newer state."""
    world = PostgresCoreWorld(core, sql)
    world.put_user("someone", firebase_uid="patient-uid")
    world.put_patient("someone", "p1")
    world.put_prescription("rx", "someone")
    held = "select from sync.outbox where key = 'rx' for update"
    moved = "update sync.outbox set version = nextval('sync.version') where key = 'rx'"
    version = "select version from sync.outbox where key = 'rx'"
    with (
        ThreadPoolExecutor(1) as threads,
        Sql.connect(core_dsn, autocommit=True, row_factory=dict_row) as step,
    ):
        with step.transaction():
            step.execute(held)
            waiting = threads.submit(sql.execute, change)
            until_waiting(step, sql.info.backend_pid)
            step.execute(moved)
            drawn = step.execute(version).fetchone()
        waiting.result(timeout=10)
        left = step.execute(version).fetchone()
    assert drawn is not None
    assert left is not None
    assert left["version"] > drawn["version"]


def until_waiting(other: Sql, pid: int) -> None:
    """Return when the backend of that process waits for a lock."""
    for _ in range(500):
        asked = other.execute("select cardinality(pg_blocking_pids(%s)) as n", [pid]).fetchone()
        if asked is not None and asked["n"]:
            return
        time.sleep(0.01)
    raise AssertionError("nobody waits")
