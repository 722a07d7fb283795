"""
Identity Toolkit over HTTP, which keeps Firebase Auth's accounts, and the translation of its errors.

Not through firebase-admin: importing it takes 0.13 s and 23 MB of a cold start. What is sent is
what it sends; a contract test sends both to one server and compares (docs/decisions/0120).
"""

from __future__ import annotations

from typing import Any

from shared import google_account, google_refusals, settings
from shared.errors import PermanentError, SyncError, TransientError
from shared.json_http import Answer, JsonHttp

_URL = "https://identitytoolkit.googleapis.com"
_TIMEOUT_S = 10.0
UID_TAKEN = "firebase_uid_exists"
# Its own words, before a colon and a text, where the HTTP status says something else. For a quota
# that is used up it has three, all with status 400; firebase-admin does not know QUOTA_EXCEEDED and
# takes it for an argument that is refused for good.
_MEANINGS = {
    "QUOTA_EXCEEDED": "RESOURCE_EXHAUSTED",
    "TOO_MANY_ATTEMPTS_TRY_LATER": "RESOURCE_EXHAUSTED",
    "RESET_PASSWORD_EXCEED_LIMIT": "RESOURCE_EXHAUSTED",
    "CONFIGURATION_NOT_FOUND": "NOT_FOUND",
    "EMAIL_NOT_FOUND": "NOT_FOUND",
    "TENANT_NOT_FOUND": "NOT_FOUND",
    "DUPLICATE_EMAIL": "ALREADY_EXISTS",
    "EMAIL_EXISTS": "ALREADY_EXISTS",
    "PHONE_NUMBER_EXISTS": "ALREADY_EXISTS",
    "INSUFFICIENT_PERMISSION": "PERMISSION_DENIED",
    "INVALID_DYNAMIC_LINK_DOMAIN": "INVALID_ARGUMENT",
    "INVALID_HOSTING_LINK_DOMAIN": "INVALID_ARGUMENT",
    "INVALID_ID_TOKEN": "INVALID_ARGUMENT",
}
# What its other packages know to be said, with status 400, of the project and not of an account.
_OURS = frozenset({
    "PROJECT_NOT_FOUND", "INVALID_PROJECT_ID", "BILLING_NOT_ENABLED", "INVALID_SERVICE_ACCOUNT",
})  # fmt: skip


class IdentityToolkit:
    """Asks about the accounts of one project: the emulator's if there is one."""

    def __init__(self) -> None:
        project = settings.required("GOOGLE_CLOUD_PROJECT")
        emulator = settings.optional("FIREBASE_AUTH_EMULATOR_HOST", "")
        base = f"http://{emulator}/identitytoolkit.googleapis.com" if emulator else _URL
        self._http = JsonHttp("firebase", f"{base}/v1/projects/{project}", {}, _TIMEOUT_S)

    def get(self, path: str) -> dict[str, Any]:
        """Return what it says. Raise as `post` does."""
        return self._said("GET", path, None, {})

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """
        Return what it answers. Raise PermanentError (firebase_user_gone,
        firebase_invalid_argument), or TransientError for whatever else is no answer.
        """
        return self._said("POST", path, body, {"Content-Type": "application/json"})

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _said(self, method: str, path: str, body: Any, headers: dict[str, str]) -> dict[str, Any]:
        headers = {**headers, **google_account.authorization()}
        try:
            answer = self._http.send(method, path, body, headers)
        except (ValueError, RecursionError):  # half a character
            raise PermanentError("firebase_invalid_argument") from None
        if not answer.ok:
            raise _refusal(answer) from None
        said = answer.said()
        if said is None:
            raise TransientError("firebase_answer_broken")
        return said


def _refusal(answer: Answer) -> SyncError:
    """Sort by its own words, and where it has none that we know by HTTP status."""
    message = google_refusals.error(answer).get("message")
    own = message.partition(":")[0].strip() if isinstance(message, str) else ""
    if own == "USER_NOT_FOUND":
        return PermanentError("firebase_user_gone")
    if own == "DUPLICATE_LOCAL_ID":
        return TransientError(UID_TAKEN)
    if own in _OURS:
        return TransientError("firebase_misconfigured")
    word = _MEANINGS.get(own) or google_refusals.word(answer.status)
    if word == "INVALID_ARGUMENT":
        return PermanentError("firebase_invalid_argument")
    if word == "RESOURCE_EXHAUSTED":
        return TransientError("firebase_quota")
    return TransientError(f"firebase_{word.lower()}")
