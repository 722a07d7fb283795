"""
Carry out an operator's decision on a conflict.

On:         HTTP POST {"conflict": 17, "decision": "keep_other" | "give_to_this" | "dismissed",
            "operator": "who decides"}; private, for operators whom IAM admits
Does:       closes the conflict under the operator's name and notes it in the journal; give_to_this
            also takes the contact off its holder, or gives the role
Emits:      user-changed, doctor-changed: those concerned go through their chain once more
Safe twice: the first decision counts; the same one again only announces again
Gives up:   a conflict closed in another way is answered 409
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shared import log
from shared.access import webhook
from shared.access.json_body import read_object
from shared.people.conflicts import decide, read_decision
from shared.runtime import endpoint

if TYPE_CHECKING:
    from flask import Request

    from shared.clients import Clients


@endpoint
def decide_conflict(request: Request, to: Clients) -> dict[str, Any]:
    """Check the decision and carry it out."""
    made = read_decision(read_object(webhook.read_body(request)))
    announced = decide(
        made,
        conflicts=to.core_conflicts,
        accounts=to.accounts,
        mirror=to.supabase_users,
        publish=to.publish,
    )
    log.event("decided", step="decide_conflict", code=made.decision, count=announced)
    return {"conflict": made.conflict, "decision": made.decision, "announced": announced}
