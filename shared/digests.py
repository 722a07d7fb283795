"""The sides of a projection, digested where the rows lie: tables by SQL, Firebase in Python."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from shared.projections import Row, bucket

Digest = tuple[int, int]  # rows of a bucket, xor of their hashes
_PAGE = 100_000  # rows digested by one statement: a second or two, under any statement timeout
_ROWS = 1_000


class Side(Protocol):
    """One side of a projection."""

    def count(self) -> int: ...

    def digests(self, buckets: int) -> dict[int, Digest]: ...

    def rows(self, buckets: int, wanted: Sequence[int]) -> list[Row]: ...

    def moving(self, kind: str, entities: Sequence[str], age_s: float) -> set[str]: ...

    def deleted(
        self, kind: str, wanted: set[str], name: Callable[[str], str]
    ) -> dict[str, str]: ...


class Digests(Protocol):
    """A store that digests its own projections."""

    def count(self, projection: str) -> int: ...

    def page(self, projection: str, buckets: int, after: str | None, limit: int) -> Any: ...

    def rows(
        self, projection: str, buckets: int, wanted: Sequence[int], after: str | None, limit: int
    ) -> Any: ...

    def moving(self, kind: str, entities: Sequence[str], age_s: float) -> set[str]: ...

    def deleted(
        self, kind: str, wanted: set[str], name: Callable[[str], str]
    ) -> dict[str, str]: ...


@dataclass
class Table:
    """A view of core or Supabase. Digested in the database, page by page."""

    store: Digests
    projection: str
    page_rows: int = _PAGE

    def count(self) -> int:
        """Return the number of rows."""
        return self.store.count(self.projection)

    def digests(self, buckets: int) -> dict[int, Digest]:
        """Return each bucket's digest; an empty bucket is absent."""
        total: dict[int, Digest] = {}
        after: str | None = None
        while True:
            page = self.store.page(self.projection, buckets, after, self.page_rows)
            for number, rows, digest in page["buckets"]:
                _add(total, number, rows, digest)
            after = page["after"]
            if after is None:
                return total

    def rows(self, buckets: int, wanted: Sequence[int]) -> list[Row]:
        """Return the rows of some buckets."""
        found: list[Row] = []
        after: str | None = None
        while True:
            page = self.store.rows(self.projection, buckets, wanted, after, _ROWS)
            found += [Row(entity, key, digest) for entity, key, digest in page["rows"]]
            after = page["after"]
            if after is None:
                return found

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

    def count(self) -> int:
        """Return 0: it is not known before listing; the other side's count is near enough."""
        return 0

    def digests(self, buckets: int) -> dict[int, Digest]:
        """Return each bucket's digest; an empty bucket is absent."""
        total: dict[int, Digest] = {}
        for row, _ in self.all():
            _add(total, bucket(row.key, buckets), 1, row.hash)
        return total

    def rows(self, buckets: int, wanted: Sequence[int]) -> list[Row]:
        """Return the rows of some buckets."""
        chosen = set(wanted)
        found: list[Row] = []
        for row, changed in self.all():
            if bucket(row.key, buckets) in chosen:
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


def _add(total: dict[int, Digest], number: int, rows: int, digest: int) -> None:
    known_rows, known = total.get(number, (0, 0))
    total[number] = (known_rows + rows, known ^ digest)
