"""Reconciliation of large sides: how many rows are fetched, and how many are in memory at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from shared.digests import Listing, Table
from shared.projections import PROJECTIONS, Projection, Row, bucket, hash64
from shared.reconciling import Reconciliation
from shared.stores.core_findings import Finding, Report, Standing

MANY, PAGE = 100_000, 10_000
KEYS = [f"k{number}" for number in range(MANY)]
HASHES = [hash64(key) for key in KEYS]
DAMAGED = frozenset(range(7, MANY, MANY // 100))


class Alive(Row):
    """A row that counts how many of its kind are in memory."""

    now, most = 0, 0

    def __init__(self, key: str, digest: int) -> None:
        super().__init__(key, key, digest)
        Alive.now += 1
        Alive.most = max(Alive.most, Alive.now)

    def __del__(self) -> None:
        Alive.now -= 1


class Digested:
    """A store of MANY rows that digests them itself; it remembers how many it gave at once."""

    def __init__(self) -> None:
        self.pages: list[int] = []
        self.fetched: list[int] = []

    def count(self, projection: str) -> int:
        return MANY

    def page(self, projection: str, buckets: int, after: str | None, limit: int) -> Any:
        start = int(after or 0)
        end = min(start + limit, MANY)
        self.pages.append(end - start)
        rows = [[bucket(KEYS[n], buckets), 1, HASHES[n]] for n in range(start, end)]
        return {"after": str(end) if end < MANY else None, "buckets": rows}

    def rows(
        self, projection: str, buckets: int, wanted: Sequence[int], after: str | None, limit: int
    ) -> Any:
        chosen = set(wanted)
        found = [n for n in range(int(after or 0), MANY) if bucket(KEYS[n], buckets) in chosen]
        page = found[:limit]
        self.fetched.append(len(page))
        rows = [[KEYS[n], KEYS[n], HASHES[n]] for n in page]
        return {"after": str(page[-1] + 1) if len(found) > limit else None, "rows": rows}

    def moving(self, kind: str, entities: Sequence[str], age_s: float) -> set[str]:
        return set()

    def deleted(self, kind: str, wanted: set[str], name: Callable[[str], str]) -> dict[str, str]:
        return {}


class Findings:
    """Keeps the last run."""

    def begin(self, projection: str, *, dry_run: bool) -> int:
        return 1

    def standing(
        self, projection: Projection, keys: Sequence[str], age_s: float
    ) -> dict[str, Standing]:
        return {key: Standing(moving=False, state=None, tried=None) for key in keys}

    def finish(
        self, run: int, projection: str, report: Report, findings: Sequence[Finding]
    ) -> None:
        self.report = report


def listed(damaged: frozenset[int]) -> Iterator[tuple[Row, float]]:
    """Return every row, each made when its turn comes."""
    for number in range(MANY):
        yield Alive(KEYS[number], HASHES[number] + (number in damaged)), 0.0


@pytest.mark.parametrize("damaged", [frozenset[int](), DAMAGED], ids=["none", "100"])
def test_of_100000_rows_2_percent_are_fetched_at_most_and_a_bucket_is_in_memory_at_a_time(
    damaged: frozenset[int],
) -> None:
    Alive.now = Alive.most = 0
    store, repaired = Digested(), list[str]()
    run = Reconciliation(
        PROJECTIONS["appointments"],
        source=Table(store, "appointments", page_rows=PAGE),
        target=Listing(lambda: listed(damaged)),
        findings=Findings(),
        announce=repaired.extend,
        name=lambda entity: entity,
    )
    report, found = run.run()
    assert sorted(repaired) == sorted(KEYS[number] for number in damaged)
    assert {f.class_ for f in found} <= {"stale"}
    assert (report.source_rows, report.target_rows, report.complete) == (MANY, MANY, True)
    assert report.rows_read <= 2 * MANY * 2 // 100  # of both sides
    assert sum(store.fetched) <= MANY * 2 // 100
    assert max(store.pages) <= PAGE
    # Of a side that is listed, the rows of the differing buckets and the one at hand.
    assert Alive.most <= MANY * 2 // 100 + 2
    assert bool(damaged) == bool(report.rows_read)
