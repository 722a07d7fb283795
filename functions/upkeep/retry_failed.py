"""
Replay parked entities.

On:         schedule (empty body), or a person's POST: {"step", "code", "kind", "older_s", "uid"},
            each optional; {} means all that is parked
Does:       delivers each entity once more to the step that parked it. By schedule only what ran out
            of deliveries and has rested: ten minutes, doubling to a day, eight times. What can
            never work waits for a person or a change of its source
Emits:      the topics that steps consume: user-changed, user-stored, user-mirrored,
            profile-changed, doctor-changed, document-changed, document-stored,
            prescription-changed, prescription-pdf-copied, prescription-mirrored,
            prescription-indexed, appointment-changed, appointment-shown
Safe twice: the rest is set in the claim, before anything is published; a replay is an ordinary
            delivery with the same keys
Gives up:   after eight replays by schedule; a body that breaks a rule is answered 4xx
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

from shared.errors import RequestError
from shared.retrying import retry
from shared.runtime import endpoint

if TYPE_CHECKING:
    from flask import Request

    from shared.clients import Clients

_TEXTS = ("step", "code", "kind", "uid")
_FIELDS = {*_TEXTS, "older_s"}


@endpoint
def retry_failed(request: Request, to: Clients) -> dict[str, Any]:
    """Replay; return {"retried", "failed"}: delivered once more, and still parked as before."""
    return retry(read_filter(request.get_data()), to)


def read_filter(body: bytes) -> dict[str, Any] | None:
    """Return a request's filter, None for an empty body. Raise 400 or 422."""
    if not body.strip():
        return None
    try:
        given = json.loads(body)
    except (ValueError, RecursionError):
        raise RequestError(400, "not_json", "the body must be JSON") from None
    if not isinstance(given, dict):
        raise RequestError(422, "not_object", "the body must be a JSON object")
    wanted = cast("dict[str, Any]", given)
    for name in sorted(wanted.keys() - _FIELDS):
        raise RequestError(422, "unknown_field", f"`{name[:20]}` is none of {sorted(_FIELDS)}")
    for name in _TEXTS:
        if not isinstance(wanted.get(name, ""), str):
            raise RequestError(422, name, f"`{name}` must be a string")
    older = wanted.get("older_s", 0)
    if isinstance(older, bool) or not isinstance(older, int | float) or not 0 <= older <= 1e9:
        raise RequestError(422, "older_s", "`older_s` must be a number of seconds")
    return wanted
