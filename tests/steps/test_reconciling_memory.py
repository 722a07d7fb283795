"""
A comparison takes as much memory for a million rows as for a quarter of them, and holds two pages
of what Firebase can only list.

The stores here make what they hand out when they are asked. Of a million rows, everything is
measured that Python allocates from the first question to the last. The figure on real stores is the
benchmark's (tests/bench/reconciling.py); tests/steps/test_reconciling.py counts the rows of a side
that is listed.
"""

from __future__ import annotations

import tracemalloc
from array import array
from collections.abc import Sequence
from functools import cache
from typing import Any

import pytest

from shared.models.users import Account
from shared.repair.projections import BUCKETS, PROJECTIONS, hash64
from shared.repair.reconciliations import reconciliation
from shared.stores.core_findings import Report
from shared.stores.firestore import Snapshot
from tests.memory.clients import MemoryClients

BLOCK = 125_000  # rows; more than there are buckets, as in every page of a large table
MANY, ACCOUNTS_PAGE, DOCUMENTS_PAGE = 6_000, 1_000, 300  # of what can only be listed
LISTED = [name for name, p in PROJECTIONS.items() if p.listed or p.source == "firebase"]


class Digested:
    """A store of some blocks of BLOCK rows that it digests itself, each page of one block."""

    first_blocks, page_s = 1, 0.0

    def __init__(self, blocks: int) -> None:
        self._blocks = blocks

    def page(self, projection: str, block: int, blocks: int) -> Any:
        if not self._blocks:
            return {"end": 0, "buckets": [], "rows": [], "xors": []}
        _, buckets, rows, xors = sums(block)
        return {
            "end": self._blocks,
            "buckets": list(buckets),
            "rows": list(rows),
            "xors": list(xors),
        }

    def rows(self, projection: str, block: int, blocks: int, wanted: Sequence[int]) -> Any:
        found: list[list[Any]] = []
        if self._blocks:
            chosen, of = set(wanted), sums(block)[0]
            keys = [f"k{block * BLOCK + n}" for n, at in enumerate(of) if at in chosen]
            found = [[key, key, hash64(key)] for key in keys]
        return {"end": self._blocks, "rows": found}

    def moving(self, kind: str, entities: Sequence[str], age_s: float) -> set[str]:
        return set()

    def deleted(self, kind: str, wanted: set[str], name: object) -> dict[str, str]:
        return {}


@cache
def sums(block: int) -> tuple[array[int], array[int], array[int], array[int]]:
    """Return each row's bucket, and the block's buckets with their rows and xors."""
    of, rows = array("q"), array("q", bytes(8 * BUCKETS))
    xors = array("q", bytes(8 * BUCKETS))
    for number in range(block * BLOCK, (block + 1) * BLOCK):
        digest = hash64(f"k{number}")  # of the key alone: its first 16 bits are the bucket
        at = digest >> 48 & BUCKETS - 1
        of.append(at)
        rows[at] += 1
        xors[at] ^= digest
    there = array("q", (at for at in range(BUCKETS) if rows[at]))
    return of, there, array("q", (rows[at] for at in there)), array("q", (xors[at] for at in there))


class Alive:
    """Counts how many of its kind are in memory."""

    now, most = 0, 0

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        Alive.now += 1
        Alive.most = max(Alive.most, Alive.now)

    def __del__(self) -> None:
        Alive.now -= 1


class AliveAccount(Alive, Account):
    """An account."""


class AliveDocument(Alive, Snapshot):
    """A document."""


class Accounts:
    """MANY accounts."""

    def page(self, token: str | None) -> tuple[list[tuple[Account, float]], str | None]:
        start = int(token or 0)
        end = start + ACCOUNTS_PAGE
        some = [
            AliveAccount(f"u{n}", f"{n}@example.com", None, verified=True, claims={})
            for n in range(start, end)
        ]
        return [(account, 0.0) for account in some], str(end) if end < MANY else None


class Firestore:
    """MANY documents in any collection."""

    def page(self, collection: str, after: str | None, limit: int, *_: Any, **__: Any) -> Any:
        start = int(after.rpartition("/")[2]) + 1 if after else 0
        above = "doctors/d1/" if collection == "appointments" else ""
        return [
            (f"{above}{collection}/{n}", AliveDocument({"firstName": "x"}, 1))
            for n in range(start, min(start + limit, MANY))
        ]

    def read(self, paths: Sequence[str], fields: Sequence[str]) -> dict[str, Snapshot]:
        return {}


def peak(name: str, **stores: Any) -> tuple[int, Report]:
    """Compare; return how many bytes were allocated at most, and the report."""
    to = MemoryClients()
    vars(to).update(stores)
    run = reconciliation(name, to)
    tracemalloc.start()
    try:
        report, _ = run.run(dry_run=True)
        return tracemalloc.get_traced_memory()[1], report
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("mirrored", [True, False], ids=["all agree", "all are missing"])
def test_a_million_rows_take_no_more_memory_than_a_quarter_of_them(mirrored: bool) -> None:
    taken: list[int] = []
    for blocks in (2, 8):  # one page is there while the next is made
        for block in range(blocks):
            sums(block)
        there = Digested(blocks)
        most, report = peak("auth_users", core_digests=there,
                            supabase_digests=there if mirrored else Digested(0))  # fmt: skip
        assert report.source_rows == blocks * BLOCK
        assert bool(report.found) is not mirrored
        taken.append(most)
    assert taken[1] < 1.25 * taken[0]


@pytest.mark.parametrize("name", LISTED)
def test_of_what_is_listed_one_page_is_in_memory_while_the_next_is_fetched(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.repair.reconciling._MOST_ROWS", 1_000)
    Alive.now = Alive.most = 0
    to = MemoryClients()  # core has none of them
    vars(to).update(accounts=Accounts(), firestore=Firestore())
    report, found = reconciliation(name, to).run(dry_run=True)
    assert report.source_rows + report.target_rows == MANY
    assert len(found) > 900
    page = ACCOUNTS_PAGE if name == "users" else DOCUMENTS_PAGE
    assert page <= Alive.most <= 2 * page
