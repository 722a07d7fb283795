"""
Verify a token that Google signed: of a service account, or of somebody signed in to Firebase.

Every reason to refuse has a code for the log; the caller learns only that the token is not valid.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from shared.access.google_keys import keys_at
from shared.errors import RequestError

_LEEWAY_S = 30  # of clocks
# The sign-in hook's token holds the whole account, with all that its provider says of it (a SAML
# provider: every group). To refuse it would keep its owner out.
_MAX_LENGTH = 64 * 1024
_REQUIRED = ("exp", "iat", "aud", "iss", "sub")


def bearer(authorization: str) -> str:
    """Return the token of an Authorization header. Raise RequestError 401."""
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise _refusal("token_missing")
    return token.strip()


def claims(
    token: str, *, keys_url: str, issuers: Sequence[str], audience: str | None
) -> dict[str, Any]:
    """
    Return the claims of a token that one of the keys signed for us, and that has not expired.

    `audience` None leaves the audience to the caller. Raise RequestError 401 (token_...), or
    TransientError where Google's keys cannot be had.
    """
    import jwt

    if len(token) > _MAX_LENGTH:
        raise _refusal("token_too_long")
    try:
        # Only RS256 is ever accepted: what the header says beyond the key's id does not count.
        key = keys_at(keys_url).find(jwt.get_unverified_header(token).get("kid"))
        if key is None:
            raise _refusal("token_key_unknown")
        return jwt.decode(
            token,
            key.key,
            algorithms=["RS256"],
            audience=audience,
            issuer=list(issuers),
            leeway=_LEEWAY_S,
            options={"require": list(_REQUIRED), "verify_aud": audience is not None},
        )
    except jwt.ExpiredSignatureError:
        raise _refusal("token_expired") from None
    except jwt.InvalidAudienceError:
        raise _refusal("token_audience") from None
    except jwt.InvalidIssuerError:
        raise _refusal("token_issuer") from None
    except jwt.InvalidSignatureError:
        raise _refusal("token_signature") from None
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
        raise _refusal("token_form") from None


def _refusal(code: str) -> RequestError:
    return RequestError(401, code, "the bearer token is missing or not valid here")
