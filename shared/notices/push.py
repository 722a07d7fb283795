"""
Pushes to patients' devices, through Firebase Cloud Messaging.

A push passes third parties in clear and shows on lock screens, so it says nothing but that there is
something to see, and carries an opaque id; the inbox document is what counts. Sending has no
idempotency key: whatever is sent again under the same id replaces itself on the device (collapse
key and tag on Android, collapse id on iOS), so a repeat is never a second notification.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Literal, cast

from firebase_admin import exceptions, messaging
from requests.adapters import HTTPAdapter

from shared import firebase_app, settings
from shared.observability import tracing

# As many at a time as the SDK's connection pool holds; it starts a thread for each. The API's own
# limit is 500.
_AT_ONCE = 100
_TITLE, _BODY = "HealBridge", "You have a new message in the app."
_FCM_ERROR = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
_BAD_REQUEST = "type.googleapis.com/google.rpc.BadRequest"

Fate = Literal["taken", "dead", "later", "refused"]


@dataclass(frozen=True, slots=True)
class Push:
    """What one device is to show, under an id that is the same whenever it is sent again."""

    id: str
    token: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """
    What became of a push: taken by the service; its token is dead; try later (`retry_after` in
    seconds); or refused, and so would every repetition be. `code` says why.
    """

    fate: Fate
    code: str | None = None
    retry_after: float | None = None


class Messaging:
    """Sends pushes; nothing but a Receipt comes of a failure."""

    def __init__(self) -> None:
        self._app = firebase_app.app()
        # The SDK has no public way to its endpoint, its connections or their retries.
        self._service: Any = messaging._get_messaging_service(self._app)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        _tune(self._service)

    def send(self, pushes: Sequence[Push]) -> list[Receipt]:
        """Send pushes; return a receipt for each, in order."""
        receipts: list[Receipt] = []
        for start in range(0, len(pushes), _AT_ONCE):
            receipts += self._send(pushes[start : start + _AT_ONCE])
        return receipts

    def close(self) -> None:
        """Close the connections."""
        self._service._client.session.close()  # noqa: SLF001

    def _send(self, pushes: Sequence[Push]) -> list[Receipt]:
        try:
            with tracing.call("fcm", "send_each"):
                answers = messaging.send_each([_message(push) for push in pushes], app=self._app)
        except (
            exceptions.FirebaseError
        ):  # before anything was sent: no token of our own to send with
            return [Receipt("later", "fcm_unreachable")] * len(pushes)
        return [_receipt(answer.exception) for answer in answers.responses]


def fingerprint(token: str) -> str:
    """Return what stands for a token where the token itself must not be kept."""
    return hashlib.sha256(token.encode()).hexdigest()[:16]


def _tune(service: Any) -> None:
    """
    Lead the SDK to another endpoint if one is set, and switch off its own retries: upon a 503 it
    would send four times more, within a second or two.
    """
    base = settings.optional("FCM_URL", "")
    if base:
        service._fcm_url = f"{base}/v1/projects/{service._project_id}/messages:send"  # noqa: SLF001
    plain = HTTPAdapter(pool_maxsize=_AT_ONCE, max_retries=0)
    service._client.session.mount(service._fcm_url, plain)  # noqa: SLF001 - the longest prefix wins


def _message(push: Push) -> messaging.Message:
    with warnings.catch_warnings():
        # Profiles hold registration tokens; `fid`, which is to replace them, is another identifier.
        warnings.filterwarnings("ignore", "Message.token is deprecated", DeprecationWarning)
        return messaging.Message(
            token=push.token,
            notification=messaging.Notification(_TITLE, _BODY),
            data={"notificationId": push.id},
            android=messaging.AndroidConfig(
                collapse_key=push.id, notification=messaging.AndroidNotification(tag=push.id)
            ),
            apns=messaging.APNSConfig(headers={"apns-collapse-id": push.id}),
        )


def _receipt(error: Exception | None) -> Receipt:
    """
    Sort the service's answers. A token is dead only when the service says so of the token itself:
    404 and 403 without that word mean a wrong project or missing rights, and are ours to mend.
    """
    match error:
        case None:
            return Receipt("taken")
        case messaging.UnregisteredError():
            return Receipt("dead", "fcm_unregistered")
        case messaging.SenderIdMismatchError():
            return Receipt("dead", "fcm_sender_id_mismatch")
        case exceptions.InvalidArgumentError() if _blames_token(error):
            return Receipt("dead", "fcm_token_invalid")
        case exceptions.InvalidArgumentError():
            return Receipt("refused", "fcm_refused_message")
        case _:
            return Receipt("later", _later_code(error), _retry_after(error))


def _later_code(error: Exception) -> str:
    match error:
        case messaging.ThirdPartyAuthError():
            return "fcm_third_party_auth"  # the APNs key or web push certificate: ours to mend
        case messaging.QuotaExceededError() | exceptions.ResourceExhaustedError():
            return "fcm_quota"
        case (
            exceptions.UnauthenticatedError()
            | exceptions.PermissionDeniedError()
            | exceptions.NotFoundError()
        ):
            return "fcm_misconfigured"
        case exceptions.UnavailableError() | exceptions.DeadlineExceededError():
            return "fcm_unavailable"
        case _:
            return "fcm_internal"


def _blames_token(error: exceptions.FirebaseError) -> bool:
    """Tell whether the invalid argument is the token: a fault of our message has violations."""
    try:
        details = cast("Any", error.http_response).json()["error"]["details"]
        kinds = {detail["@type"] for detail in details}
    except (AttributeError, KeyError, TypeError, ValueError):
        return False
    return _FCM_ERROR in kinds and _BAD_REQUEST not in kinds


def _retry_after(error: Exception) -> float | None:
    """Read Retry-After: seconds, or a date."""
    response = getattr(error, "http_response", None)
    given = None if response is None else response.headers.get("Retry-After")
    if given is None:
        return None
    try:
        return max(float(given), 0)
    except ValueError:
        pass
    try:
        wait = (parsedate_to_datetime(given) - datetime.now(UTC)).total_seconds()
    except (TypeError, ValueError):
        return None
    return max(wait, 0)
