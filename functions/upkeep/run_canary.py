"""
Send a synthetic patient through every chain, and see that the last one arrived.

On:         schedule
Does:       judges the previous run by the ledger and raises an alarm for the first step of a chain
            that has not done it; then touches an account, a document, an appointment and a
            prescription anew
Emits:      user-changed; the rest is announced by the outboxes
Safe twice: a touch is an ordinary change; one that is too fresh is neither judged nor repeated
Gives up:   never; a chain that stands still stays alarmed until it moves
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shared import catalog, ids, log, settings, tracing
from shared.canary import EMAIL, UID, stalled
from shared.events import Event, Ref
from shared.runtime import endpoint
from shared.stores.core_canary import CoreCanary

if TYPE_CHECKING:
    from flask import Request

    from shared.clients import Clients


@endpoint
def run_canary(request: Request, to: Clients) -> dict[str, Any]:
    """Judge and touch; return the stalled step of each kind that has one."""
    del request
    return patrol(to)


def patrol(to: Clients) -> dict[str, Any]:
    """Do one run."""
    canary = CoreCanary(to.core)
    passages = canary.passages()
    travel_s = settings.positive("CANARY_TRAVEL_S", 120)
    if any(age_s < travel_s for age_s, _ in passages.values()):
        return {"stalled": {}, "judged": 0}
    starts = _topics()
    verdicts = {kind: stalled(starts[kind], seen) for kind, (_, seen) in passages.items()}
    canary.judge(verdicts)
    alarms = {kind: step for kind, step in verdicts.items() if step}
    for kind, step in alarms.items():
        log.event("canary_stalled", severity="ERROR", step=step, kind=kind)
    _touch(canary, to)
    return {"stalled": alarms, "judged": len(verdicts)}


def _topics() -> dict[str, str]:
    """Return the topic that starts each kind's chain; a user's starts at Firebase."""
    announced = catalog.load().announced_by
    return announced("core") | announced("supabase") | announced("firebase")


def _touch(canary: CoreCanary, to: Clients) -> None:
    """Change everything the canary has. Each is noted before or with its change, never after."""
    run = tracing.continued()
    document = ids.canary_document_id(settings.id_namespace())
    canary.note([("user", UID), ("document", document)])
    if UID not in to.accounts.read([UID]):
        to.accounts.create(UID, EMAIL)
    to.publish([Event("user-changed", (Ref("user", UID),), run)])
    to.supabase_documents.touch_canary(document, UID, run)
    canary.touch(UID, run)
