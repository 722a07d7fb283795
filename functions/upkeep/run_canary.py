"""
Send a synthetic patient through every chain, and see that the last one arrived.

On:         schedule
Does:       judges the previous run by the journal and raises an alarm for the first step of a chain
            that has not done it; then touches accounts, profiles, a document, an appointment and a
            prescription anew, and has each step of an erasure asked to erase nobody
Emits:      user-changed, user-deleted, erasure-ordered, supabase-erased, firebase-erased,
            core-erased; the rest is announced by Firestore's triggers and the outboxes
Safe twice: a touch is an ordinary change; one that is too fresh is neither judged nor repeated
Gives up:   never; a chain that stands still stays alarmed until it moves
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shared import ids, log, settings
from shared.events import Event, Ref
from shared.observability import tracing
from shared.repair.canary import DOCTOR_UID, UID, email
from shared.repair.canary_ways import erased_by, erasing_steps, stalled, watches
from shared.runtime import endpoint
from shared.stores.firestore import Write, path

if TYPE_CHECKING:
    from flask import Request

    from shared.clients import Clients
    from shared.stores.core_canary import CoreCanary


@endpoint
def run_canary(request: Request, to: Clients) -> dict[str, Any]:
    """Judge and touch; return the stalled step of each kind that has one."""
    del request
    return patrol(to)


def patrol(to: Clients) -> dict[str, Any]:
    """Do one run."""
    canary, ways = to.core_canary, watches()
    passages = canary.passages(ways.values())
    travel_s = settings.positive("CANARY_TRAVEL_S", 120)
    if any(age_s < travel_s for age_s, _ in passages.values()):
        return {"stalled": {}, "judged": 0}
    verdicts = {way: stalled(ways[way].topic, seen) for way, (_, seen) in passages.items()}
    canary.judge(verdicts)
    alarms = {way: step for way, step in verdicts.items() if step}
    for way, step in alarms.items():
        log.event("canary_stalled", severity="ERROR", step=step, kind=way)
    _touch(canary, to)
    return {"stalled": alarms, "judged": len(verdicts)}


def _touch(canary: CoreCanary, to: Clients) -> None:
    """Change everything the canaries have. Each is noted before or with its change, never after."""
    run = tracing.continued()
    document = ids.canary_document_id(settings.id_namespace())
    uids = (UID, DOCTOR_UID)
    there = to.accounts.read(uids)
    # Without its account, the canary's deletion would not be left alone.
    erasing = [step for step in erasing_steps() if UID in there or step.name != "bury_user"]
    canary.note(
        [("user", UID), ("profile", UID), ("doctor", DOCTOR_UID), ("document", document)]
        + [(step.name, erased_by(step).key) for step in erasing]
    )
    for uid in uids:
        if uid not in there:
            to.accounts.create(uid, email(uid))
    to.publish(
        [Event("user-changed", tuple(Ref("user", uid) for uid in uids), run)]
        + [Event(step.topic or "", (erased_by(step),), run) for step in erasing]
    )
    profile = {"firstName": "Synthetic", "lastName": "Canary", "touchedBy": run}
    to.firestore.commit(
        [Write(path("users", UID), profile), Write(path("doctors", DOCTOR_UID), profile)]
    )
    to.supabase_documents.touch_canary(document, UID, run)
    canary.touch(UID, run)
