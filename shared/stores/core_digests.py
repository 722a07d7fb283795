"""Core's projections, digested by core."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from shared.stores.core import CoreDatabase

_PAGE = "select sync.digest_page(%(projection)s, %(block)s, %(blocks)s) as page"
_ROWS = """
select sync.digest_rows(%(projection)s, %(block)s, %(blocks)s, %(wanted)s::integer[]) as page
"""
_MOVING = "select key from sync.moving_entities(%(kind)s, %(keys)s::text[], %(age_s)s)"
_DELETED = "select key from sync.deleted_page(%(kind)s, %(after)s, %(limit)s)"
_DELETED_PAGE = 10_000


class CoreDigests:
    """
    Digests and rows of sync.projection_* in core. Most are joined, and a page reads the other
    tables as a whole: few pages. Nothing limits core's statements.
    """

    first_blocks, page_s = 16_384, 20.0

    def __init__(self, core: CoreDatabase) -> None:
        self._core = core

    def page(self, projection: str, block: int, blocks: int) -> Any:
        """Digest some blocks: {"end", "buckets", "rows", "xors"}."""
        values = {"projection": projection, "block": block, "blocks": blocks}
        return self._core.read(_PAGE, values)[0]["page"]

    def rows(self, projection: str, block: int, blocks: int, wanted: Sequence[int]) -> Any:
        """Return some buckets' rows in some blocks: {"end", "rows": [[entity, key, hash]]}."""
        values = {"projection": projection, "block": block, "blocks": blocks}
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
