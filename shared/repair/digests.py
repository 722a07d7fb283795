"""The sides of a projection, digested where the rows lie: tables by SQL, Firebase in Python."""

from __future__ import annotations

import time
from array import array
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from shared.repair.projections import BUCKETS, Row, bucket

_TRIES = 3
_GROWTH = 4
_STRETCH = 1024  # buckets compared as bytes: 0.2 ms for all of them, one by one 8 ms


class Sums:
    """Of each bucket the number of rows and the XOR of their hashes: a megabyte in all."""

    def __init__(self) -> None:
        self.rows = array("q", [0]) * BUCKETS
        self.xors = array("q", [0]) * BUCKETS
        self.count = 0  # of all rows

    def add(self, number: int, rows: int, digest: int) -> None:
        """Add rows to a bucket."""
        self.count += rows
        self.rows[number] += rows
        self.xors[number] ^= digest

    def differ(self, other: Sums, number: int) -> bool:
        """Tell whether these differ in a bucket."""
        return self.rows[number] != other.rows[number] or self.xors[number] != other.xors[number]

    def differing(self, other: Sums) -> list[int]:
        """Return the buckets in which these differ; stretches that are the same pass as a whole."""
        stretches = (slice(at, at + _STRETCH) for at in range(0, BUCKETS, _STRETCH))
        return [
            number
            for part in stretches
            if self.rows[part] != other.rows[part] or self.xors[part] != other.xors[part]
            for number in range(part.start, part.stop)
            if self.differ(other, number)
        ]


class Side(Protocol):
    """One side of a projection."""

    def digests(self) -> Sums: ...

    def rows(self, wanted: Sequence[int]) -> list[Row]: ...

    def moving(self, kind: str, entities: Sequence[str], age_s: float) -> set[str]: ...

    def deleted(
        self, kind: str, wanted: set[str], name: Callable[[str], str]
    ) -> dict[str, str]: ...


class Digests(Protocol):
    """
    A store that digests its own projections, some blocks of a table at a time: `first_blocks` at
    first, then as many as take about `page_s` seconds.
    """

    @property
    def first_blocks(self) -> int: ...

    @property
    def page_s(self) -> float: ...

    def page(self, projection: str, block: int, blocks: int) -> Any: ...

    def rows(self, projection: str, block: int, blocks: int, wanted: Sequence[int]) -> Any: ...

    def moving(self, kind: str, entities: Sequence[str], age_s: float) -> set[str]: ...

    def deleted(
        self, kind: str, wanted: set[str], name: Callable[[str], str]
    ) -> dict[str, str]: ...


class Table:
    """
    A view of core or Supabase. Digested in the database, page by page. `first_blocks` is by default
    the store's.
    """

    def __init__(self, store: Digests, projection: str, first_blocks: int | None = None) -> None:
        self.store, self.projection = store, projection
        self.first_blocks = first_blocks or store.first_blocks
        self._sums: Sums | None = None

    def digests(self) -> Sums:
        """Return the digests of all rows."""
        sums = Sums()
        for page in self._pages(self.store.page):
            for digested in zip(page["buckets"], page["rows"], page["xors"], strict=True):
                sums.add(*digested)
        self._sums = sums
        return sums

    def rows(self, wanted: Sequence[int]) -> list[Row]:
        """
        Return the rows of some buckets. An update may move a row past the page that is being read,
        so a bucket is read again until two readings of it agree, the digests being the first.
        """
        found: list[Row] = []
        known, unsure = self._sums or Sums(), list(wanted)
        for tries in range(1, _TRIES + 1):
            read, sums = self._read(unsure), Sums()
            for row in read:
                sums.add(bucket(row.key), 1, row.hash)
            last = tries == _TRIES
            moved = {number for number in unsure if not last and known.differ(sums, number)}
            found += [row for row in read if bucket(row.key) not in moved]
            if not moved:
                break
            known, unsure = sums, sorted(moved)
        return found

    def _read(self, wanted: Sequence[int]) -> list[Row]:
        return [Row(*row) for page in self._pages(self.store.rows, wanted) for row in page["rows"]]

    def _pages(self, ask: Callable[..., Any], *wanted: Sequence[int]) -> Generator[Any]:
        block, blocks = 0, self.first_blocks
        while True:
            began = time.monotonic()
            page = ask(self.projection, block, blocks, *wanted)
            took_s = max(time.monotonic() - began, 1e-3)
            yield page
            block += blocks
            if block >= page["end"]:
                return
            blocks = max(1, min(blocks * _GROWTH, int(blocks * self.store.page_s / took_s)))

    def moving(self, kind: str, entities: Sequence[str], age_s: float) -> set[str]:
        """Return those that the store's outbox still has to announce, or announced lately."""
        return self.store.moving(kind, entities, age_s)

    def deleted(self, kind: str, wanted: set[str], name: Callable[[str], str]) -> dict[str, str]:
        """Return target entity -> entity of those `wanted` that the store says are deleted."""
        return self.store.deleted(kind, wanted, name)


@dataclass
class Listing:
    """
    A side that cannot digest: Firebase accounts and Firestore's documents. Its rows are listed, a
    page at a time in memory, each with the Unix seconds of its last known change; once more when a
    bucket differs.
    """

    all: Callable[[], Iterator[tuple[Row, float]]]
    _changed: dict[str, float] = field(default_factory=dict[str, float])

    def digests(self) -> Sums:
        """Return the digests of all rows."""
        sums = Sums()
        for row, _ in self.all():
            sums.add(bucket(row.key), 1, row.hash)
        return sums

    def rows(self, wanted: Sequence[int]) -> list[Row]:
        """Return the rows of some buckets."""
        chosen = set(wanted)
        found: list[Row] = []
        for row, changed in self.all():
            if bucket(row.key) in chosen:
                found.append(row)
                self._changed[row.entity] = changed
        return found

    def moving(self, kind: str, entities: Sequence[str], age_s: float) -> set[str]:
        """Return those that were made or changed lately: their trigger may be on its way."""
        del kind
        limit = time.time() - age_s
        return {entity for entity in entities if self._changed.get(entity, 0) > limit}

    def deleted(self, kind: str, wanted: set[str], name: Callable[[str], str]) -> dict[str, str]:
        """Return nothing: Firebase keeps no trace of what was deleted."""
        del kind, wanted, name
        return {}
