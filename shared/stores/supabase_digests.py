"""Supabase's projections, digested by Supabase."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from shared.stores.supabase import Supabase


class SupabaseDigests:
    """
    Digests and rows of sync.projection_* in Supabase. Each answer is one JSON value: a set of rows
    would be cut off in silence at the data API's limit. A page stays well within the 8 seconds that
    a statement may take there.
    """

    first_blocks, page_s = 4_096, 2.0

    def __init__(self, supabase: Supabase) -> None:
        self._supabase = supabase

    def page(self, projection: str, block: int, blocks: int) -> Any:
        """Digest some blocks: {"end", "buckets", "rows", "xors"}."""
        arguments = {"p_projection": projection, "p_block": block, "p_blocks": blocks}
        return self._supabase.call("digest_page", arguments)

    def rows(self, projection: str, block: int, blocks: int, wanted: Sequence[int]) -> Any:
        """Return some buckets' rows in some blocks: {"end", "rows": [[entity, key, hash]]}."""
        arguments = {"p_projection": projection, "p_block": block, "p_blocks": blocks}
        return self._supabase.call("digest_rows", arguments | {"p_wanted": list(wanted)})

    def moving(self, kind: str, entities: Sequence[str], age_s: float) -> set[str]:
        """Return those that the outbox still has to announce, or announced lately."""
        arguments = {"p_kind": kind, "p_keys": list(entities), "p_age_s": age_s}
        return set(self._supabase.call("moving_entities", arguments))

    def deleted(self, kind: str, wanted: set[str], name: Callable[[str], str]) -> dict[str, str]:
        """Return target entity -> entity of those among `wanted` that Supabase has deleted."""
        arguments = {"p_kind": kind, "p_keys": sorted(wanted)}
        return {name(key): key for key in self._supabase.call("deleted_among", arguments)}
