"""What core keeps of the past."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shared.stores.core import CoreDatabase

_PURGE = "select * from sync.purge_history(%(days)s, %(audit_days)s, %(limit)s)"


class CoreHistory:
    """Forgets what is past."""

    def __init__(self, core: CoreDatabase) -> None:
        self._core = core

    def purge(self, days: int, audit_days: int, limit: int) -> dict[str, int]:
        """
        Forget up to `limit` rows of each table: working notes older than `days`, the audit trail
        older than `audit_days`; return table -> how many.
        """
        values = {"days": days, "audit_days": audit_days, "limit": limit}
        return {row["what"]: row["purged"] for row in self._core.write(_PURGE, values)}
