"""Supabase's projections, digested by Supabase."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from shared.stores.supabase import Supabase


class SupabaseDigests:
    """
    Counts, digests and rows of sync.projection_* in Supabase. Each answer is one JSON value: a set
    of rows would be cut off in silence at the data API's limit.
    """

    def __init__(self, supabase: Supabase) -> None:
        self._supabase = supabase

    def count(self, projection: str) -> int:
        """Return the number of rows."""
        return int(self._supabase.call("digest_count", {"p_projection": projection}))

    def page(self, projection: str, buckets: int, after: str | None, limit: int) -> Any:
        """Digest one page: {"after", "rows", "buckets": [[bucket, rows, xor]]}."""
        arguments = {"p_projection": projection, "p_buckets": buckets}
        return self._supabase.call("digest_page", arguments | {"p_after": after, "p_limit": limit})

    def rows(
        self, projection: str, buckets: int, wanted: Sequence[int], after: str | None, limit: int
    ) -> Any:
        """Return one page of some buckets' rows: {"after", "rows": [[entity, key, hash]]}."""
        arguments = {"p_projection": projection, "p_buckets": buckets, "p_wanted": list(wanted)}
        return self._supabase.call("digest_rows", arguments | {"p_after": after, "p_limit": limit})

    def moving(self, kind: str, entities: Sequence[str], age_s: float) -> set[str]:
        """Return those that the outbox still has to announce, or announced lately."""
        arguments = {"p_kind": kind, "p_keys": list(entities), "p_age_s": age_s}
        return set(self._supabase.call("moving_entities", arguments))

    def deleted(self, kind: str, wanted: set[str], name: Callable[[str], str]) -> dict[str, str]:
        """Return target entity -> entity of those among `wanted` that Supabase has deleted."""
        arguments = {"p_kind": kind, "p_keys": sorted(wanted)}
        return {name(key): key for key in self._supabase.call("deleted_among", arguments)}
