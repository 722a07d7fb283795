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
        return [Ref(row["kind"], row["key"], row["version"]) for row in rows]

    def settle(self, token: str, sent: Sequence[Ref]) -> None:
        """Mark as sent what the token still holds at the announced version."""
        rows = [{"kind": r.kind, "key": r.key, "version": r.version} for r in sent]
        self._supabase.call("settle_outbox", {"p_token": token, "p_sent": rows})
