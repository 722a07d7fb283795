"""Wait until the chains are quiet: nothing unsent, refused or lagging, and nothing moves."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import psycopg

from infra.local.toolchain import say
from shared import catalog
from shared.stores.core_progress import CoreProgress

_QUIET_S = 1.5  # unchanged and nothing open for so long: nothing is on its way between two steps


def count_open(progress: CoreProgress, stack: Mapping[str, Any]) -> dict[str, int]:
    """Return the counts of what is unfinished, in both outboxes and the ledger."""
    counts = progress.unfinished(catalog.load())
    with psycopg.connect(stack["supabase_dsn"]) as connection:
        row = connection.execute(
            "select count(*) from sync.outbox where sent_at is null"
        ).fetchone()
        counts["unsent"] += int(row[0]) if row else 0
    with psycopg.connect(stack["core_dsn"]) as connection:
        row = connection.execute("select count(*) from sync.journal").fetchone()
        counts["journal"] = int(row[0]) if row else 0
    return counts


def pending(counts: Mapping[str, int]) -> int:
    """Return how much of the counts is still to be done by itself."""
    return counts["unsent"] + counts["retrying"] + counts["lagging"]


def wait_until_quiet(read_counts: Callable[[], dict[str, int]], timeout_s: float) -> dict[str, int]:
    """Return the counts once nothing is open and nothing has moved for a while, or at the end."""
    deadline = time.monotonic() + timeout_s
    last, since, told = read_counts(), time.monotonic(), time.monotonic()
    while time.monotonic() < deadline:
        time.sleep(0.2)
        counts = read_counts()
        if counts != last:
            last, since = counts, time.monotonic()
        if not pending(counts) and time.monotonic() - since > _QUIET_S:
            break
        if time.monotonic() - told > 5:
            told = time.monotonic()
            say(f"{pending(counts)} pending: {counts}")
    return last
