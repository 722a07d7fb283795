"""Projections of a place in memory, digested: `sync.digest_page` and its kin."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from shared.projections import Row, bucket, canonical_row
from tests.memory.place import Outbox, Place

View = Callable[[], Iterable[Row]]


class MemoryDigests:
    """
    Digests and rows of a place's projections, a row to a block; `name` is that of its effects.
    """

    first_blocks, page_s = 16_384, 20.0

    def __init__(self, place: Place, outbox: Outbox, name: str, views: Mapping[str, View]) -> None:
        self._place, self._outbox, self._name, self._views = place, outbox, name, views

    def page(self, projection: str, block: int, blocks: int) -> Any:
        """Digest some blocks: {"end", "buckets", "rows", "xors"}."""
        with self._place.effect(f"{self._name}.page"):
            view = list(self._views[projection]())
            total: dict[int, list[int]] = {}
            for row in view[block : block + blocks]:
                digest = total.setdefault(bucket(row.key), [0, 0])
                digest[0] += 1
                digest[1] ^= row.hash
            rows, xors = [of for of, _ in total.values()], [of for _, of in total.values()]
            return {"end": len(view), "buckets": list(total), "rows": rows, "xors": xors}

    def rows(self, projection: str, block: int, blocks: int, wanted: Sequence[int]) -> Any:
        """Return some buckets' rows in some blocks: {"end", "rows": [[entity, key, hash]]}."""
        with self._place.effect(f"{self._name}.rows"):
            chosen, view = set(wanted), list(self._views[projection]())
            found = [row for row in view[block : block + blocks] if bucket(row.key) in chosen]
            return {"end": len(view), "rows": [[r.entity, r.key, r.hash] for r in found]}

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


def projected(entity: str, key: str, fields: Sequence[object]) -> Row:
    """Return the row of a key and its fields, of which numbers are written as text."""
    return canonical_row(entity, key, [_text(field) for field in fields])


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


def _text(field: object) -> object:
    if isinstance(field, bool) or not isinstance(field, int | float | Decimal):
        return field
    return str(int(field) if field == int(field) else float(field))
