"""Core's outbox: the backend's entities that changed and are not announced yet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from psycopg.types.json import Jsonb

from shared.events import Ref

if TYPE_CHECKING:
    from shared.stores.core import CoreDatabase

_CLAIM = "select * from sync.claim_outbox(%(token)s::uuid, %(limit)s, %(lease_s)s)"
_AGAIN = "select sync.announce_again(%(kind)s, %(keys)s::text[]) as count"
_PAGE = "select * from sync.announce_page(%(kind)s, %(after)s, %(limit)s)"
_PURGE = "select sync.purge_outbox(%(days)s, %(limit)s) as count"
_SETTLE = "select sync.settle_outbox(%(token)s::uuid, %(sent)s)"


class CoreOutbox:
    """Claims and settles outbox rows."""

    def __init__(self, core: CoreDatabase) -> None:
        self._core = core

    def claim(self, token: str, limit: int, lease_s: int) -> list[Ref]:
        """Lease up to `limit` unsent rows for `lease_s` seconds."""
        rows = self._core.write(_CLAIM, {"token": token, "limit": limit, "lease_s": lease_s})
        return [
            Ref(row["kind"], row["key"], row["version"], row["traceparent"] or "") for row in rows
        ]

    def settle(self, token: str, sent: Sequence[Ref]) -> None:
        """Mark as sent what the token still holds at the announced version."""
        rows = [{"kind": r.kind, "key": r.key, "version": r.version} for r in sent]
        self._core.write(_SETTLE, {"token": token, "sent": Jsonb(rows)})

    def announce_again(self, kind: str, keys: Sequence[str]) -> int:
        """Mark entities unsent, at a new version; return how many."""
        return self._core.write(_AGAIN, {"kind": kind, "keys": list(keys)})[0]["count"]

    def announce_page(self, kind: str, after: str | None, limit: int) -> tuple[str | None, int]:
        """Mark a kind's next page unsent; return its last key (None at the end) and its size."""
        row = self._core.write(_PAGE, {"kind": kind, "after": after, "limit": limit})[0]
        return row["after"], row["announced"]

    def purge(self, days: int, limit: int) -> int:
        """Forget up to `limit` deletions announced more than `days` ago; return how many."""
        return self._core.write(_PURGE, {"days": days, "limit": limit})[0]["count"]
