"""Core's outbox: the backend's entities that changed and are not announced yet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from psycopg.types.json import Jsonb

from shared.events import Ref

if TYPE_CHECKING:
    from shared.stores.core import CoreDatabase

_CLAIM = "select * from sync.claim_outbox(%(token)s::uuid, %(limit)s, %(lease_s)s)"
_SETTLE = "select sync.settle_outbox(%(token)s::uuid, %(sent)s)"


class CoreOutbox:
    """Claims and settles outbox rows."""

    def __init__(self, core: CoreDatabase) -> None:
        self._core = core

    def claim(self, token: str, limit: int, lease_s: int) -> list[Ref]:
        """Lease up to `limit` unsent rows for `lease_s` seconds."""
        rows = self._core.write(_CLAIM, {"token": token, "limit": limit, "lease_s": lease_s})
        return [Ref(row["kind"], row["key"], row["version"]) for row in rows]

    def settle(self, token: str, sent: Sequence[Ref]) -> None:
        """Mark as sent what the token still holds at the announced version."""
        rows = [{"kind": r.kind, "key": r.key, "version": r.version} for r in sent]
        self._core.write(_SETTLE, {"token": token, "sent": Jsonb(rows)})
