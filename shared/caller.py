"""
Who calls a private function: Pub/Sub or Scheduler, by the OIDC token they send.

Cloud Run's IAM already turns strangers away; this looks again, so that one wrong grant does not
open a door. The token must be Google's, fresh, made for this very service (its audience is the
address that was called) and for the one account that may call the function (CALLED_BY).

Google's keys are fetched once and kept for an hour.
"""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING, Any

from shared import settings
from shared.errors import RequestError, TransientError

if TYPE_CHECKING:
    from jwt import PyJWKClient

_ISSUERS = ["https://accounts.google.com", "accounts.google.com"]
_KEYS_URL = "https://www.googleapis.com/oauth2/v3/certs"
_LEEWAY_S = 30


def verify(authorization: str, host: str) -> None:
    """
    Return if the caller is the one that CALLED_BY names.

    Raise RequestError 401 for a token that is missing or not for us, 403 for another account's.
    Off Cloud Run, where no CALLED_BY is set, everybody is let in: the emulator sends no tokens.
    """
    if "CALLED_BY" not in os.environ and "K_SERVICE" not in os.environ:
        return
    expected = settings.required("CALLED_BY")
    claims = _claims(authorization, f"https://{host}")
    if claims.get("email") != expected or claims.get("email_verified") is not True:
        raise RequestError(403, "caller", "this account may not call this function")


def _claims(authorization: str, audience: str) -> dict[str, Any]:
    import jwt

    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise RequestError(401, "token_missing", "Authorization must carry a bearer token")
    try:
        key = _keys(settings.optional("GOOGLE_KEYS_URL", _KEYS_URL)).get_signing_key_from_jwt(token)
        return jwt.decode(
            token,
            key,
            algorithms=["RS256"],
            audience=audience,
            issuer=_ISSUERS,
            leeway=_LEEWAY_S,
            options={"require": ["exp", "iat", "aud", "iss"]},
        )
    except jwt.PyJWKClientConnectionError:
        raise TransientError("google_keys_unreachable") from None
    except (jwt.PyJWTError, ValueError):
        raise RequestError(401, "token", "the bearer token is not valid here") from None


@cache
def _keys(url: str) -> PyJWKClient:
    from jwt import PyJWKClient

    return PyJWKClient(url, cache_keys=True, lifespan=3600, timeout=5)
