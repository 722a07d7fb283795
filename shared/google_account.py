"""
The function's own Google account: the token that Firebase's APIs ask for.

Beside the emulators it is a made-up one, and the machine's Google credentials are not looked for:
nothing of a developer's account may reach a local stack, and there may be none.
"""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING

from shared.errors import TransientError

if TYPE_CHECKING:
    from google.auth.credentials import Credentials
    from google.auth.transport.urllib3 import Request

_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_EMULATORS = ("FIREBASE_AUTH_EMULATOR_HOST", "FIRESTORE_EMULATOR_HOST")
_EMULATED = {"Authorization": "Bearer owner"}  # the emulators' administrator; they know no other


def authorization() -> dict[str, str]:
    """
    Return the headers that prove who asks; the token is renewed shortly before it expires.

    Raise TransientError (google_credentials_unavailable) where there is none to be had.
    """
    if any(os.environ.get(name) for name in _EMULATORS):
        return dict(_EMULATED)
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
    """Find the account once a process: the metadata server's, or what the environment names."""
    import google.auth
    from google.auth.transport.urllib3 import Request
    from urllib3 import PoolManager

    request = Request(PoolManager())
    credentials, _ = google.auth.default(scopes=(_SCOPE,), request=request)
    return credentials, request
