"""
Forget what the sync noted about the past, when nobody can ask for it any more.

On:         schedule, at night; HTTP POST by an operator
Does:       deletes working notes older than HISTORY_RETENTION_DAYS and the audit trail older than
            JOURNAL_RETENTION_DAYS, in core's schema `sync`, some thousand rows at a time; what is
            unfinished and how the living stand is never deleted
Emits:      nothing
Safe twice: what is deleted is not found again; rows that somebody holds are passed over
Gives up:   never; what is left when the time is up is the next night's
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from shared import log, settings
from shared.runtime import endpoint
from shared.stores.core_history import CoreHistory

if TYPE_CHECKING:
    from flask import Request

    from shared.clients import Clients

_BUDGET_S = 240.0
_ROWS = 5000  # of each table and statement: well below a second, so that nobody waits for locks


class History(Protocol):
    """What is kept of the past."""

    def purge(self, days: int, audit_days: int, limit: int) -> dict[str, int]: ...


def purge(
    history: History,
    *,
    days: int,
    audit_days: int,
    rows: int = _ROWS,
    budget_s: float = _BUDGET_S,
    clock: Callable[[], float] = time.monotonic,
) -> dict[str, int]:
    """Forget until nothing is old or the time is up; return table -> how many rows."""
    deadline = clock() + budget_s
    purged: Counter[str] = Counter()
    while True:
        batch = history.purge(days, audit_days, rows)
        purged.update(batch)
        if max(batch.values()) < rows or clock() >= deadline:
            return dict(purged)


@endpoint
def purge_history(request: Request, to: Clients) -> dict[str, Any]:
    """Entry point: see the card above."""
    del request  # carries nothing: the settings tell what is old
    purged = purge(
        CoreHistory(to.core),
        days=settings.history_retention_days(),
        audit_days=settings.journal_retention_days(),
    )
    if any(purged.values()):
        log.event("purged", step="purge_history", count=sum(purged.values()))
    return {"purged": purged}
