"""Projections of a place in memory, digested: `sync.digest_page` and its kin."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from shared.repair.projections import Row, bucket
from tests.memory.place import Outbox, Place

View = Callable[[], Iterable[tuple[str, Row]]]  # rows, each with the key by which it is ordered


class MemoryDigests:
    """Digests and rows of projections, a row to a block; `name` is that of the effects."""

    first_blocks, page_s = 1_000, 60.0

    def __init__(self, place: Place, outbox: Outbox, name: str, views: Mapping[str, View]) -> None:
        self._place, self._outbox, self._name, self._views = place, outbox, name, views

    def page(self, projection: str, block: int, blocks: int) -> Any:
        """Digest some blocks: {"end", "buckets", "rows", "xors"}."""
        with self._place.effect(f"{self._name}.page"):
            rows = self._rows(projection)
            page = rows[block : block + blocks]
            buckets = [bucket(row.key) for row in page]
            xors = [row.hash for row in page]
            return {"end": len(rows), "buckets": buckets, "rows": [1] * len(page), "xors": xors}

    def rows(self, projection: str, block: int, blocks: int, wanted: Sequence[int]) -> Any:
        """Return some buckets' rows in some blocks: {"end", "rows": [[entity, key, hash]]}."""
        with self._place.effect(f"{self._name}.rows"):
            chosen, rows = set(wanted), self._rows(projection)
            fitting = [r for r in rows[block : block + blocks] if bucket(r.key) in chosen]
            return {"end": len(rows), "rows": [[r.entity, r.key, r.hash] for r in fitting]}

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

    def _rows(self, projection: str) -> list[Row]:
        return [row for _, row in sorted(self._views[projection](), key=lambda item: item[0])]


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
