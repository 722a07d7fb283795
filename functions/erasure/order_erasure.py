"""
Order a patient's erasure, as an operator.

On:         HTTP POST {"uid": "the patient's Firebase uid", "operator": "who orders"}; private, for
            operators whom IAM admits
Does:       buries the patient in core and notes the erasure, which core's outbox announces; the
            Firebase account will be deleted too
Emits:      nothing: the order is an outbox row of the burial's own transaction
Safe twice: one erasure per uid; the same order again answers the same
Gives up:   an account that is not a patient's is answered 409; under legal hold the order is noted
            as held, and nothing is erased
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shared import log
from shared.access import webhook
from shared.access.json_body import read_object
from shared.erasure.erasing import order, read_order
from shared.runtime import endpoint

if TYPE_CHECKING:
    from flask import Request

    from shared.clients import Clients


@endpoint
def order_erasure(request: Request, to: Clients) -> dict[str, Any]:
    """Check the order and note it."""
    uid, operator = read_order(read_object(webhook.read_body(request)))
    ordered = order(uid, operator, to.core_erasures)
    log.event("ordered", step="order_erasure", code=ordered["state"])
    return ordered
