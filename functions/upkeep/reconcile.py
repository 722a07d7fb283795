"""
Find where the stores disagree and have the ordinary chains repair it.

On:         schedule
Does:       compares Firebase accounts, core and Supabase by digests; announces again what is
            missing or stale; records every finding. What is under way is left alone
Emits:      user-changed; other repairs go through the outboxes
Safe twice: a repair is an ordinary announcement, and a run that finds nothing changes nothing
Gives up:   parked entities, conflicts, orphans, and what a repair did not remove: for a person
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from shared import log
from shared.projections import PROJECTIONS
from shared.reconciliations import reconciliation
from shared.runtime import endpoint

if TYPE_CHECKING:
    from flask import Request

    from shared.clients import Clients


@endpoint
def reconcile(request: Request, to: Clients) -> dict[str, Any]:
    """Run every comparison; return its counts by name."""
    del request  # says nothing: a narrower run is the command's, `python -m infra.reconcile`
    answer: dict[str, Any] = {}
    for name in PROJECTIONS:
        report, _ = reconciliation(name, to).run()
        answer[name] = asdict(report)
        if report.found:
            log.event("drift", severity="WARNING", step="reconcile", count=report.found,
                      done=report.repaired)  # fmt: skip
    return answer
