"""
Find where the stores disagree and have the ordinary chains repair it.

On:         schedule (empty body), or an operator's POST: {"projection", "dry_run"}, each optional
Does:       compares Firebase, core and Supabase by digests; announces again what is missing or
            stale; records every finding. What is under way is left alone. By schedule, what has to
            be listed in Firestore is compared every six hours
Emits:      user-changed, profile-changed, doctor-changed; other repairs go through the outboxes
Safe twice: a repair is an ordinary announcement, and a run that finds nothing changes nothing
Gives up:   parked entities, conflicts, orphans, and what a repair did not remove: for a person
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from shared import log, settings
from shared.errors import RequestError
from shared.repair.projections import PROJECTIONS
from shared.repair.reconciliations import reconciliation
from shared.runtime import endpoint
from shared.status import wishes

if TYPE_CHECKING:
    from flask import Request

    from shared.clients import Clients

_LISTED_S = 6 * 3600


@endpoint
def reconcile(request: Request, to: Clients) -> dict[str, Any]:
    """Run the comparisons that are wanted, or due; return their counts by name."""
    wanted = wishes.read(request.get_data(), {"projection": str, "dry_run": bool})
    names = _due(to) if wanted is None else _named(wanted.get("projection"))
    answer: dict[str, Any] = {}
    for name in names:
        report, _ = reconciliation(name, to).run(dry_run=(wanted or {}).get("dry_run", False))
        answer[name] = asdict(report)
        if report.found:
            log.event("drift", severity="WARNING", step="reconcile", count=report.found,
                      done=report.repaired)  # fmt: skip
    return answer


def _named(name: str | None) -> list[str]:
    if name is None:
        return list(PROJECTIONS)
    if name not in PROJECTIONS:
        names = ", ".join(PROJECTIONS)
        raise RequestError(422, "projection", f"`projection` must be one of {names}")
    return [name]


def _due(to: Clients) -> list[str]:
    rest_s = settings.positive("RECONCILE_LISTED_S", _LISTED_S)
    return [n for n, p in PROJECTIONS.items() if not p.listed or to.core_findings.rested(n, rest_s)]
