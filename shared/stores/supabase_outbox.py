"""Supabase's outbox: uploads that changed and are not announced yet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from shared.events import Ref

if TYPE_CHECKING:
    from shared.stores.supabase import Supabase


class SupabaseOutbox:
    """Claims and settles outbox rows through the data API."""

    def __init__(self, supabase: Supabase) -> None:
        self._supabase = supabase

    def claim(self, token: str, limit: int, lease_s: int) -> list[Ref]:
        """Lease up to `limit` unsent rows for `lease_s` seconds."""
        rows = self._supabase.call(
            "claim_outbox", {"p_token": token, "p_limit": limit, "p_lease_s": lease_s}
        )
        return [
            Ref(row["kind"], row["key"], row["version"], row["traceparent"] or "") for row in rows
        ]

    def settle(self, token: str, sent: Sequence[Ref]) -> None:
        """Mark as sent what the token still holds at the announced version."""
        rows = [{"kind": r.kind, "key": r.key, "version": r.version} for r in sent]
        self._supabase.call("settle_outbox", {"p_token": token, "p_sent": rows})

    def announce_again(self, kind: str, keys: Sequence[str]) -> int:
        """Mark uploads unsent, at the version they have; return how many."""
        arguments = {"p_kind": kind, "p_keys": list(keys)}
        return int(self._supabase.call("announce_again", arguments))

    def announce_page(self, kind: str, after: str | None, limit: int) -> tuple[str | None, int]:
        """Mark the next uploads unsent; return the last id (None at the end) and how many."""
        arguments = {"p_kind": kind, "p_after": after, "p_limit": limit}
        (row,) = self._supabase.call("announce_page", arguments)
        return row["after"], row["announced"]

    def purge(self, days: int, limit: int) -> int:
        """Forget up to `limit` deletions announced more than `days` ago; return how many."""
        return int(self._supabase.call("purge_outbox", {"p_days": days, "p_limit": limit}))
