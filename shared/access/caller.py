"""
Who calls a private function: Pub/Sub or Scheduler, by the OIDC token they send.

Cloud Run's IAM already turns strangers away; this looks again, so that one wrong grant does not
open a door. The token must be Google's, fresh, made for this very service and for the one account
that may call the function (CALLED_BY).

The audience is the address that was called, as the caller names it in Host. That is enough: Google
routes by the same name, and every function has a calling account of its own, so a token for one is
refused by all others whatever they are called.
"""

from __future__ import annotations

import os

from shared import settings
from shared.access import tokens
from shared.errors import RequestError

_ISSUERS = ("https://accounts.google.com", "accounts.google.com")
_KEYS_URL = "https://www.googleapis.com/oauth2/v3/certs"


def verify(authorization: str, host: str) -> None:
    """
    Return if the caller is the one that CALLED_BY names.

    Raise RequestError 401 for a token that is missing or not for us, 403 for another account's.
    Off Cloud Run, where no CALLED_BY is set, everybody is let in: the emulator sends no tokens.
    """
    if "CALLED_BY" not in os.environ and "K_SERVICE" not in os.environ:
        return
    expected = settings.required("CALLED_BY")
    claims = tokens.claims(
        tokens.bearer(authorization),
        keys_url=settings.optional("GOOGLE_KEYS_URL", _KEYS_URL),
        issuers=_ISSUERS,
        audience=f"https://{host}",
    )
    if claims.get("email") != expected or claims.get("email_verified") is not True:
        raise RequestError(403, "caller", "this account may not call this function")
