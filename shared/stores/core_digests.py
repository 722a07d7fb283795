"""Core's projections, digested by core."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from shared.stores.core import CoreDatabase

_COUNT = "select sync.digest_count(%(projection)s) as count"
_PAGE = """
select sync.digest_page(%(projection)s, %(buckets)s, %(after)s, %(limit)s) as page
"""
_ROWS = """
select sync.digest_rows(%(projection)s, %(buckets)s, %(wanted)s::integer[], %(after)s, %(limit)s)
  as page
"""
_MOVING = "select key from sync.moving_entities(%(kind)s, %(keys)s::text[], %(age_s)s)"
_DELETED = "select key from sync.deleted_page(%(kind)s, %(after)s, %(limit)s)"
_DELETED_PAGE = 10_000


class CoreDigests:
    """Counts, digests and rows of sync.projection_* in core."""

    def __init__(self, core: CoreDatabase) -> None:
        self._core = core

    def count(self, projection: str) -> int:
        """Return the number of rows."""
        return self._core.read(_COUNT, {"projection": projection})[0]["count"]

    def page(self, projection: str, buckets: int, after: str | None, limit: int) -> Any:
        """Digest one page: {"after", "rows", "buckets": [[bucket, rows, xor]]}."""
        values = {"projection": projection, "buckets": buckets, "after": after, "limit": limit}
        return self._core.read(_PAGE, values)[0]["page"]

    def rows(
        self, projection: str, buckets: int, wanted: Sequence[int], after: str | None, limit: int
    ) -> Any:
        """Return one page of some buckets' rows: {"after", "rows": [[entity, key, hash]]}."""
        values = {"projection": projection, "buckets": buckets, "after": after, "limit": limit}
        return self._core.read(_ROWS, values | {"wanted": list(wanted)})[0]["page"]

    def moving(self, kind: str, entities: Sequence[str], age_s: float) -> set[str]:
        """Return those that the outbox still has to announce, or announced lately."""
        values = {"kind": kind, "keys": list(entities), "age_s": age_s}
        return {row["key"] for row in self._core.read(_MOVING, values)}

    def deleted(self, kind: str, wanted: set[str], name: Callable[[str], str]) -> dict[str, str]:
        """Return target entity -> entity of those among `wanted` that core has deleted."""
        found: dict[str, str] = {}
        after: str | None = None
        while True:
            values = {"kind": kind, "after": after, "limit": _DELETED_PAGE}
            keys = [row["key"] for row in self._core.read(_DELETED, values)]
            found |= {name(key): key for key in keys if name(key) in wanted}
            if len(keys) < _DELETED_PAGE:
                return found
            after = keys[-1]
