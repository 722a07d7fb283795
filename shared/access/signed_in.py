"""
Who is signed in: the uid of a patient or doctor, by the Firebase ID token they send.

A token is good for an hour, whatever happens to the account meanwhile: what it opens must be its
owner's own data, to read. Nothing but the uid is taken from it; a role is looked up in core.
"""

from __future__ import annotations

import os
from typing import Any

from shared import settings
from shared.access import tokens
from shared.errors import RequestError

_ISSUER = "https://securetoken.google.com/"
_KEYS_URL = (
    "https://www.googleapis.com/service_accounts/v1/jwk/securetoken@system.gserviceaccount.com"
)
_MAX_UID = 128


def uid_of(authorization: str) -> str:
    """Return the uid that an Authorization header proves. Raise RequestError 401."""
    token = tokens.bearer(authorization)
    return _uid(verified(token, audience=settings.required("GOOGLE_CLOUD_PROJECT")))


def uid_of_sign_in(token: str) -> str:
    """Return whose sign-in Firebase asks about, by the token it sends to a blocking function."""
    claims = verified(token, audience=None)
    # Firebase names the function's address, in forms that changed over time; an ID token, which
    # the same keys sign, names the project. The SDK looks for no more than this either.
    if "run.app" not in str(claims.get("aud")) and not emulated():
        raise RequestError(401, "token_audience", "the token is not for a blocking function")
    return _uid(claims)


def verified(token: str, *, audience: str | None) -> dict[str, Any]:
    """Return the claims of a token by this project's Firebase. Raise RequestError 401."""
    issuer = _ISSUER + settings.required("GOOGLE_CLOUD_PROJECT")
    if emulated():
        return _unsigned(token, issuer, audience)
    url = settings.optional("FIREBASE_KEYS_URL", _KEYS_URL)
    return tokens.claims(token, keys_url=url, issuers=[issuer], audience=audience)


def emulated() -> bool:
    """
    Tell whether tokens are the emulator's, which signs none. Only for a project that cannot exist:
    a variable that strays into a deployment must not open the door.
    """
    demo = settings.optional("GOOGLE_CLOUD_PROJECT", "").startswith("demo-")
    return demo and bool(os.environ.get("FIREBASE_AUTH_EMULATOR_HOST"))


def _unsigned(token: str, issuer: str, audience: str | None) -> dict[str, Any]:
    import jwt

    checks = {"verify_exp": True, "verify_iss": True, "verify_aud": audience is not None}
    try:
        return jwt.decode(
            token,
            options={"verify_signature": False} | checks,  # pyright: ignore[reportArgumentType]
            issuer=issuer,
            audience=audience,
        )
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
        raise RequestError(401, "token_form", "the bearer token is not valid here") from None


def _uid(claims: dict[str, Any]) -> str:
    uid = claims.get("sub")
    if not isinstance(uid, str) or not 0 < len(uid) <= _MAX_UID:
        raise RequestError(401, "token_subject", "the bearer token names nobody")
    return uid
