"""
Pushes to patients' devices, through Firebase Cloud Messaging.

A push passes third parties in clear and shows on lock screens, so it says nothing but that there is
something to see, and carries an opaque id; the inbox document is what counts. Sending has no
idempotency key: whatever is sent again under the same id replaces itself on the device (collapse
key and tag on Android, collapse id on iOS), so a repeat is never a second notification.

Not through firebase-admin: importing it takes 0.13 s and 23 MB of a cold start. What is sent is
what it sends; a contract test sends both to one server and compares (docs/decisions/0120).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import repeat
from typing import Any

from shared import google_account, settings
from shared.errors import TransientError
from shared.json_http import JsonHttp
from shared.notices.receipts import Receipt, receipt
from shared.observability import tracing

_URL = "https://fcm.googleapis.com"
_TIMEOUT_S = 10.0
# At a time, each on a connection and in a thread of its own: the API takes one push a request.
_AT_ONCE = 100
_TITLE, _BODY = "HealBridge", "You have a new message in the app."


@dataclass(frozen=True, slots=True)
class Push:
    """What one device is to show, under an id that is the same whenever it is sent again."""

    id: str
    token: str


class Messaging:
    """Sends pushes; nothing but a Receipt comes of a failure."""

    def __init__(self) -> None:
        self._path = f"/v1/projects/{settings.required('GOOGLE_CLOUD_PROJECT')}/messages:send"
        headers = {"Content-Type": "application/json", "X-GOOG-API-FORMAT-VERSION": "2"}
        url = settings.optional("FCM_URL", _URL)
        self._http = JsonHttp("fcm", url, headers, _TIMEOUT_S, kept=_AT_ONCE)

    def send(self, pushes: Sequence[Push]) -> list[Receipt]:
        """Send pushes; return a receipt for each, in order."""
        receipts: list[Receipt] = []
        for start in range(0, len(pushes), _AT_ONCE):
            receipts += self._send(pushes[start : start + _AT_ONCE])
        return receipts

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _send(self, pushes: Sequence[Push]) -> list[Receipt]:
        try:
            with tracing.call("fcm", "send_each"):
                headers = google_account.authorization()
                with ThreadPoolExecutor(len(pushes)) as threads:
                    return list(threads.map(self._push, pushes, repeat(headers)))
        except TransientError:  # before anything was sent: no token of our own to send with
            return [Receipt("later", "fcm_unreachable")] * len(pushes)

    def _push(self, push: Push, headers: Mapping[str, str]) -> Receipt:
        try:
            answer = self._http.send("POST", self._path, {"message": _message(push)}, headers)
        except TransientError:
            return Receipt("later", "fcm_unavailable")
        except ValueError:  # half a character: no device has such a token
            return Receipt("dead", "fcm_token_invalid")
        return receipt(answer)


def fingerprint(token: str) -> str:
    """Return what stands for a token where the token itself must not be kept."""
    return hashlib.sha256(token.encode()).hexdigest()[:16]


def _message(push: Push) -> dict[str, Any]:
    return {
        "token": push.token,
        "notification": {"title": _TITLE, "body": _BODY},
        "data": {"notificationId": push.id},
        "android": {"collapse_key": push.id, "notification": {"tag": push.id}},
        "apns": {"headers": {"apns-collapse-id": push.id}},
    }
