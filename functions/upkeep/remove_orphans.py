"""
Remove what a store has and its source does not, where an operator names it.

On:         HTTP POST {"projection": "documents", "keys": ["..."], "operator": "who orders it"};
            private, for operators whom IAM admits
Does:       compares once more, notes who ordered what, and removes those keys that are orphans at
            this moment
Emits:      profile-changed, doctor-changed: a profile that is gone is taken back by its own step
Safe twice: what is removed is no orphan any more, and a second order is answered 409
Gives up:   a key that is no orphan: 409, and nothing is removed. Users go by erasure only
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shared import log
from shared.errors import RequestError
from shared.people.conflicts import read_operator
from shared.repair.orphans import OrphanError, remove
from shared.repair.projections import PROJECTIONS
from shared.runtime import endpoint
from shared.status import wishes

if TYPE_CHECKING:
    from flask import Request

    from shared.clients import Clients

_MOST = 1000
_FIELDS = {"projection": str, "keys": list, "operator": str}


@endpoint
def remove_orphans(request: Request, to: Clients) -> dict[str, Any]:
    """Check the order and carry it out; return how many were removed."""
    order = wishes.read(request.get_data(), _FIELDS) or {}
    name, keys = order.get("projection"), order.get("keys", [])
    if name is None or name not in PROJECTIONS:
        names = ", ".join(PROJECTIONS)
        raise RequestError(422, "projection", f"`projection` must be one of {names}")
    if not 0 < len(keys) <= _MOST:
        raise RequestError(422, "keys", f"`keys` must name 1 to {_MOST} orphans")
    operator = read_operator(order.get("operator"))
    try:
        removed = remove(name, keys, to, operator=operator)
    except OrphanError as error:
        raise RequestError(409, "no_orphan", str(error)) from None
    log.event("removed", step="remove_orphans", count=removed)
    return {"projection": name, "removed": removed}
