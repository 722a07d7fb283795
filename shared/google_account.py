"""
The function's own Google account: the token that Google's APIs ask for.

Beside the emulators it is a made-up one, and the machine's Google credentials are not looked for:
nothing of a developer's account may reach a local stack, and there may be none. In a deployed
function the metadata server gives it, upon one GET; google-auth takes 0.07 s and 18 MB of a start
to send the same (docs/decisions/0120). Anywhere else google-auth finds what the environment names.
"""

from __future__ import annotations

import os
import time
from functools import cache
from threading import Lock
from typing import TYPE_CHECKING
from urllib.parse import quote

from shared.errors import TransientError

if TYPE_CHECKING:
    from google.auth.credentials import Credentials
    from google.auth.transport.urllib3 import Request

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_EMULATORS = ("FIREBASE_AUTH_EMULATOR_HOST", "FIRESTORE_EMULATOR_HOST")
_EMULATED = {"Authorization": "Bearer owner"}  # the emulators' administrator; they know no other
_TOKEN = "/computeMetadata/v1/instance/service-accounts/default/token"  # noqa: S105
_TIMEOUT_S = 5.0
_RESTS_S = (0.0, 0.2, 1.0)  # before each try: it may be away while an instance starts
_RENEWED_S = 225  # before a token expires, as by google-auth: the server has a new one at 300


def authorization() -> dict[str, str]:
    """
    Return the headers that prove who asks; the token is renewed shortly before it expires.

    Raise TransientError (google_credentials_unavailable) where there is none to be had.
    """
    if any(os.environ.get(name) for name in _EMULATORS):
        return dict(_EMULATED)
    if os.environ.get("K_SERVICE") and not os.environ.get("GOOGLE_APPLICATION_CREDENTIALS"):
        return {"Authorization": f"Bearer {_metadata().token()}"}
    return _found()


class MetadataServer:
    """What gives an instance on Google Cloud its account's token."""

    def __init__(self, host: str) -> None:
        from shared.json_http import JsonHttp  # what publishes beside the emulators has no need

        self._http = JsonHttp(
            "google_metadata", f"http://{host}", {"Metadata-Flavor": "Google"}, _TIMEOUT_S
        )
        self._token, self._until = "", 0.0
        self._renewing = Lock()

    def token(self) -> str:
        """Return a token that is good for some minutes. Raise as `authorization` does."""
        with self._renewing:
            if time.time() >= self._until:
                self._renew()
            return self._token

    def _renew(self) -> None:
        for rest in _RESTS_S:
            if rest:
                time.sleep(rest)
            try:
                answer = self._http.send("GET", f"{_TOKEN}?scopes={quote(SCOPE, safe='')}")
            except TransientError:
                continue
            match answer.said() if answer.ok else None:
                case {"access_token": str(token), "expires_in": int(seconds)}:
                    self._token, self._until = token, time.time() + seconds - _RENEWED_S
                    return
                case _:
                    continue
        raise TransientError("google_credentials_unavailable")


@cache
def _metadata() -> MetadataServer:
    return MetadataServer(os.environ.get("GCE_METADATA_HOST", "metadata.google.internal"))


def _found() -> dict[str, str]:
    from google.auth.exceptions import GoogleAuthError

    headers: dict[str, str] = {}
    try:
        credentials, request = _account()
        # Not `before_request`: that also looks up in a background thread, which freezes with the
        # function's processor after its answer, in which regions the account may be used.
        if not credentials.valid:
            credentials.refresh(request)
        credentials.apply(headers)
    except GoogleAuthError:
        raise TransientError("google_credentials_unavailable") from None
    return headers


@cache
def _account() -> tuple[Credentials, Request]:
    """Find the account that the environment names, once a process."""
    import certifi
    import google.auth
    from google.auth.transport.urllib3 import Request
    from urllib3 import PoolManager

    request = Request(PoolManager(ca_certs=certifi.where()))  # as google-auth makes one itself
    credentials, _ = google.auth.default(scopes=(SCOPE,), request=request)
    return credentials, request
