"""
Replay parked entities, look into open conflicts again, and into erasures for the last time.

On:         schedule (empty body), or a person's POST: {"step", "code", "kind", "older_s", "uid"},
            each optional; {} means all that is parked
Does:       delivers each entity once more to the step that parked it. By schedule only what ran out
            of deliveries and has rested: ten minutes, doubling to a day, eight times. What can
            never work waits for a person or a change of its source. By schedule also what was sent
            to a step an hour ago and has not come, or not come again; the deleted uploads whose
            files are still there; what has an open conflict, when the holder of the value has
            moved, and every six hours; and the erasures that were certified eight days ago, when
            no message of before can be left
Emits:      the topics that steps consume: user-changed, user-stored, user-mirrored,
            profile-changed, doctor-changed, document-changed, document-stored,
            prescription-changed, prescription-pdf-copied, prescription-mirrored,
            prescription-indexed, appointment-changed, appointment-shown, user-deleted,
            erasure-ordered, supabase-erased, firebase-erased, core-erased
Safe twice: the rest is set in the claim, before anything is published; a replay is an ordinary
            delivery with the same keys
Gives up:   after eight replays by schedule; a body that breaks a rule is answered 4xx
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shared import settings
from shared.erasure.erasing import look_for_the_last_time
from shared.errors import RequestError
from shared.people.conflict_sweep import look_again
from shared.repair.left_files import announce_left
from shared.repair.replaying import send_overdue
from shared.repair.retrying import retry
from shared.runtime import endpoint
from shared.status import wishes

if TYPE_CHECKING:
    from flask import Request

    from shared.clients import Clients

_CONFLICT_REST_S = 6 * 3600
_CONFLICTS_PER_RUN = 1000
# A refused message comes again within max_backoff_s and the longest ack deadline: 20 minutes.
_OVERDUE_S, _OVERDUE_PER_RUN = 3600, 1000
_ERASURES_PER_RUN = 100
_FIELDS = {"step": str, "code": str, "kind": str, "uid": str, "older_s": float}


@endpoint
def retry_failed(request: Request, to: Clients) -> dict[str, Any]:
    """
    Replay; return {"retried", "failed"}: delivered once more, and still parked as before. By
    schedule also "overdue", those whose message never came, "looked_into", the entities with open
    conflicts that were announced again, "last_looks", the erasures that run once more, and
    "left_files", the deleted uploads that were announced again for their files.
    """
    wanted = read_filter(request.get_data())
    counts = retry(wanted, to)
    if wanted is not None:
        return counts
    overdue_s = settings.positive("OVERDUE_S", _OVERDUE_S)
    overdue = send_overdue(
        replays=to.core_replays,
        publish=to.publish,
        overdue_s=overdue_s,
        per_run=_OVERDUE_PER_RUN,
    )
    rest_s = settings.positive("CONFLICT_REST_S", _CONFLICT_REST_S)
    looked = look_again(to.core_conflicts, to.publish, rest_s=rest_s, limit=_CONFLICTS_PER_RUN)
    looks = look_for_the_last_time(to.core_erasures, settings.id_namespace(), _ERASURES_PER_RUN)
    left = announce_left(
        removals=to.supabase_documents,
        findings=to.core_findings,
        outbox=to.supabase_outbox,
        overdue_s=overdue_s,
    )
    return counts | overdue | looked | {"last_looks": looks} | left


def read_filter(body: bytes) -> dict[str, Any] | None:
    """Return a request's filter, None for an empty body. Raise 400 or 422."""
    wanted = wishes.read(body, _FIELDS)
    older = (wanted or {}).get("older_s", 0)
    if not 0 <= older <= 1e9:
        raise RequestError(422, "older_s", "`older_s` must be a number of seconds")
    return wanted
