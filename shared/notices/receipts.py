"""What became of a push, by the answer of Firebase Cloud Messaging."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Literal, cast

from shared import google_refusals

if TYPE_CHECKING:
    from shared.json_http import Answer

_FCM_ERROR = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
_BAD_REQUEST = "type.googleapis.com/google.rpc.BadRequest"
_DEAD = {"UNREGISTERED": "fcm_unregistered", "SENDER_ID_MISMATCH": "fcm_sender_id_mismatch"}
_LATER = {  # Cloud Messaging's own words
    "QUOTA_EXCEEDED": "fcm_quota",
    # the APNs key or web push certificate: ours to mend
    "THIRD_PARTY_AUTH_ERROR": "fcm_third_party_auth",
    "APNS_AUTH_ERROR": "fcm_third_party_auth",
}
_MEANINGS = {  # the words of all of Google's APIs
    "RESOURCE_EXHAUSTED": "fcm_quota",
    "UNAUTHENTICATED": "fcm_misconfigured",
    "PERMISSION_DENIED": "fcm_misconfigured",
    "NOT_FOUND": "fcm_misconfigured",
    "UNAVAILABLE": "fcm_unavailable",
    "DEADLINE_EXCEEDED": "fcm_unavailable",
}

Fate = Literal["taken", "dead", "later", "refused"]


@dataclass(frozen=True, slots=True)
class Receipt:
    """
    What became of a push: taken by the service; its token is dead; try later (`retry_after` in
    seconds); or refused, and so would every repetition be. `code` says why.
    """

    fate: Fate
    code: str | None = None
    retry_after: float | None = None


def receipt(answer: Answer) -> Receipt:
    """
    Sort the service's answers. A token is dead only when the service says so of the token itself:
    404 and 403 without that word mean a wrong project or missing rights, and are ours to mend.
    """
    if answer.ok and answer.said() is not None:
        return Receipt("taken")
    error = google_refusals.error(answer)
    details = _details(error)
    own = next((str(d.get("errorCode")) for d in details if d.get("@type") == _FCM_ERROR), "")
    word = str(error.get("status") or google_refusals.word(answer.status))
    if own in _DEAD:
        return Receipt("dead", _DEAD[own])
    if own not in _LATER and word == "INVALID_ARGUMENT":
        return _invalid(details)
    code = _LATER.get(own) or _MEANINGS.get(word, "fcm_internal")
    return Receipt("later", code, _retry_after(answer))


def _details(error: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a refusal's details, one that is no object as an empty one."""
    given = error.get("details")
    listed = cast("list[Any]", given) if isinstance(given, list) else []
    return [detail if isinstance(detail, dict) else {} for detail in listed]


def _invalid(details: list[dict[str, Any]]) -> Receipt:
    """
    Tell whether the invalid argument is the token: the fields that are wrong are named, or there is
    no more than FCM's own word. It answers for a token in both ways.
    """
    kinds = [detail.get("@type") for detail in details]
    if _BAD_REQUEST in kinds:
        fields = [field for detail in details for field in _fields(detail)]
        token = bool(fields) and all(field == "message.token" for field in fields)
    else:
        token = _FCM_ERROR in kinds and None not in kinds
    if token:
        return Receipt("dead", "fcm_token_invalid")
    return Receipt("refused", "fcm_refused_message")


def _fields(detail: dict[str, Any]) -> list[object]:
    """Return the fields that a detail calls wrong; None for one that cannot be read."""
    if detail.get("@type") != _BAD_REQUEST:
        return []
    given = detail.get("fieldViolations")
    listed = cast("list[Any]", given) if isinstance(given, list) else [None]
    return [one.get("field") if isinstance(one, dict) else None for one in listed]


def _retry_after(answer: Answer) -> float | None:
    """Read Retry-After: seconds, or a date."""
    given = answer.headers.get("Retry-After")
    if given is None:
        return None
    try:
        seconds = float(given)
    except ValueError:
        return _until(given)
    return max(seconds, 0) if math.isfinite(seconds) else None


def _until(date: str) -> float | None:
    try:
        wait = (parsedate_to_datetime(date) - datetime.now(UTC)).total_seconds()
    except (TypeError, ValueError, OverflowError):
        return None
    return max(wait, 0)
