"""Projections of a place in memory, digested: `sync.digest_page` and its kin."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from itertools import islice, takewhile
from typing import Any

from shared.projections import Row, bucket
from tests.memory.place import Outbox, Place

View = Callable[[], Iterable[tuple[str, Row]]]  # rows, each with the key by which it is paged


class MemoryDigests:
    """Counts, digests and rows of a place's projections; `name` is that of its effects."""

    def __init__(self, place: Place, outbox: Outbox, name: str, views: Mapping[str, View]) -> None:
        self._place, self._outbox, self._name, self._views = place, outbox, name, views

    def count(self, projection: str) -> int:
        """Return the number of rows."""
        with self._place.effect(f"{self._name}.count"):
            return sum(1 for _ in self._views[projection]())

    def page(self, projection: str, buckets: int, after: str | None, limit: int) -> Any:
        """Digest one page: {"after", "rows", "buckets": [[bucket, rows, xor]]}."""
        with self._place.effect(f"{self._name}.page"):
            rows, following = self._page(self._views[projection](), after, limit)
            total: dict[int, list[int]] = {}
            for row in rows:
                digest = total.setdefault(bucket(row.key, buckets), [0, 0])
                digest[0] += 1
                digest[1] ^= row.hash
            summed = [[number, *digest] for number, digest in total.items()]
            return {"after": following, "rows": len(rows), "buckets": summed}

    def rows(
        self, projection: str, buckets: int, wanted: Sequence[int], after: str | None, limit: int
    ) -> Any:
        """Return one page of some buckets' rows: {"after", "rows": [[entity, key, hash]]}."""
        with self._place.effect(f"{self._name}.rows"):
            chosen = set(wanted)
            view = self._views[projection]()
            fitting = [(at, row) for at, row in view if bucket(row.key, buckets) in chosen]
            rows, following = self._page(fitting, after, limit)
            return {"after": following, "rows": [[r.entity, r.key, r.hash] for r in rows]}

    def moving(self, kind: str, entities: Sequence[str], age_s: float) -> set[str]:
        """Return those that the outbox still has to announce, or announced lately."""
        with self._place.effect(f"{self._name}.moving"):
            since = self._place.clock() - age_s
            rows = {key: self._outbox.rows.get((kind, key)) for key in entities}
            return {
                key
                for key, row in rows.items()
                if row and (not row.sent or max(row.changed_at, row.sent_at or since) > since)
            }

    def deleted(self, kind: str, wanted: set[str], name: Callable[[str], str]) -> dict[str, str]:
        """Return target entity -> entity of those among `wanted` that the place has deleted."""
        with self._place.effect(f"{self._name}.deleted"):
            rows = self._outbox.rows.items()
            keys = [key for (of, key), row in rows if of == kind and row.deleted]
            return {name(key): key for key in keys if name(key) in wanted}

    def _page(
        self, view: Iterable[tuple[str, Row]], after: str | None, limit: int
    ) -> tuple[list[Row], str | None]:
        """Return a page by the paging key, whose ties are not parted, and where it ends."""
        ordered = sorted(view, key=lambda item: item[0])
        left = [item for item in ordered if after is None or item[0] > after]
        page = left[:limit]
        end = page[-1][0] if page else None
        page += takewhile(lambda item: item[0] == end, islice(left, limit, None))
        return [row for _, row in page], end if len(page) >= limit else None


def canonical_json(value: Any) -> str | None:
    """Return structured data as both sides compare it: `sync.canonical_json`."""
    if isinstance(value, str):
        with suppress(ValueError):  # unreadable: it stays what it is
            value = json.loads(value) if value.strip() else None
    plain = json.loads(json.dumps(value), parse_float=_number)
    return None if plain is None else json.dumps(plain, sort_keys=True, ensure_ascii=False)


def stamp(at: datetime | None) -> str | None:
    """Return a time as the views write it: in UTC, to the millisecond."""
    if at is None:
        return None
    utc = at.astimezone(UTC) if at.tzinfo else at
    return f"{utc:%Y-%m-%d %H:%M:%S}.{utc.microsecond // 1000:03}"


def _number(text: str) -> float | int:
    number = float(text)
    return int(number) if number.is_integer() else number
