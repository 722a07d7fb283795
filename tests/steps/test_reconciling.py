"""Reconciliation of large sides: how many rows are fetched, and how many are in memory at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from shared.repair.digests import Listing, Table
from shared.repair.projections import PROJECTIONS, Projection, Row, bucket, hash64
from shared.repair.reconciling import Reconciliation
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
    """
    A store of MANY rows, one to a block, that digests them itself; it remembers how many it gave at
    once. The row in `moved` is passed over by the first reading of rows.
    """

    first_blocks, page_s = PAGE, 60.0

    def __init__(self, moved: int | None = None) -> None:
        self.fetched: list[int] = []
        self._moved = moved

    def page(self, projection: str, block: int, blocks: int) -> Any:
        numbers = range(block, min(block + blocks, MANY))
        buckets = [bucket(KEYS[n]) for n in numbers]
        xors = [HASHES[n] for n in numbers]
        return {"end": MANY, "buckets": buckets, "rows": [1] * len(numbers), "xors": xors}

    def rows(self, projection: str, block: int, blocks: int, wanted: Sequence[int]) -> Any:
        chosen = set(wanted)
        found = [
            n for n in range(block, min(block + blocks, MANY))
            if bucket(KEYS[n]) in chosen and n != self._moved
        ]  # fmt: skip
        if block + blocks >= MANY:
            self._moved = None
        self.fetched.append(len(found))
        return {"end": MANY, "rows": [[KEYS[n], KEYS[n], HASHES[n]] for n in found]}

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
        source=Table(store, "appointments"),
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
    # Of a side that is listed, the rows of the differing buckets and the one at hand.
    assert Alive.most <= MANY * 2 // 100 + 2
    assert bool(damaged) == bool(report.rows_read)


def test_a_row_that_is_moved_while_its_table_is_read_is_no_drift() -> None:
    moved = min(DAMAGED)
    store = Digested(moved)
    run = Reconciliation(
        PROJECTIONS["appointments"],
        source=Table(store, "appointments"),
        target=Listing(lambda: listed(DAMAGED - {moved})),
        findings=Findings(),
        announce=lambda keys: None,
        name=lambda entity: entity,
    )
    _, found = run.run()
    assert {f.key for f in found} == {KEYS[number] for number in DAMAGED - {moved}}
    table = Table(Digested(moved), "appointments")
    table.digests()
    assert KEYS[moved] in {row.key for row in table.rows([bucket(KEYS[moved])])}
