"""
Who a request speaks for: the gateway's API key, then the bearer token, as on hosted Supabase.

The gateway admits a request that carries a known `apikey`; PostgREST takes role and claims from
the bearer token. Accepted tokens: the two static keys; HS256 tokens of `jwt_secret`; and, when
`firebase_project` is given, ID tokens of the Firebase Auth emulator, which are unsigned. Hosted
third-party auth checks Google's signature instead, and the same issuer, audience and role claim.
A token without a `role` claim acts as anon.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from infra.local.supabase.errors import GatewayError, RestError

LEEWAY_S = 30  # PostgREST's allowance for clock skew
FIREBASE_ISSUER = "https://securetoken.google.com/"


@dataclass(frozen=True, slots=True)
class Identity:
    """The role to act as, and the claims as JSON for `request.jwt.claims`."""

    role: str
    claims: str


@dataclass(frozen=True, slots=True)
class Keys:
    """What the stand-in accepts as credentials."""

    service: str
    anon: str
    jwt_secret: str = ""
    firebase_project: str = ""

    def gateway(self, headers: Mapping[str, str], key_parameter: str = "") -> str:
        """Return the role of the request's API key.

        Raises:
            GatewayError: 401, no key or an unknown one.
        """
        key = headers.get("apikey") or key_parameter
        if not key:
            raise GatewayError(
                401,
                "No API key found in request",
                "No `apikey` request header or url param was found.",
            )
        if role := self._static_role(key):
            return role
        raise GatewayError(
            401,
            "Invalid API key",
            "Double check your Supabase `anon` or `service_role` API key.",
        )

    def identity(self, headers: Mapping[str, str], key_role: str) -> Identity:
        """Return whom the bearer token names; without one, the role of the API key.

        Raises:
            RestError: 401 PGRST301 for a token that does not verify, PGRST303 for its claims.
        """
        scheme, _, token = headers.get("authorization", "").partition(" ")
        role = self._static_role(token) if scheme.lower() == "bearer" else key_role
        if role:
            return Identity(role, json.dumps({"iss": "supabase", "role": role}))
        claims = self._verified(token)
        return Identity(str(claims.get("role") or "anon"), json.dumps(claims))

    def _static_role(self, key: str) -> str | None:
        if hmac.compare_digest(key.encode(), self.service.encode()):
            return "service_role"
        return "anon" if hmac.compare_digest(key.encode(), self.anon.encode()) else None

    def _verified(self, token: str) -> dict[str, Any]:
        import jwt  # a tenth of a second, and few requests bring a token

        try:
            if jwt.get_unverified_header(token).get("alg") == "none" and self.firebase_project:
                return self._firebase(token)
            if not self.jwt_secret:
                raise jwt.InvalidKeyError
            # PostgREST compares the audience only if told to; hosted Supabase does not tell it.
            return jwt.decode(
                token,
                self.jwt_secret,
                algorithms=["HS256"],
                leeway=LEEWAY_S,
                options={"verify_aud": False},
            )
        except jwt.ExpiredSignatureError:
            raise RestError(401, "PGRST303", "JWT expired") from None
        except (jwt.ImmatureSignatureError, jwt.InvalidIssuerError, jwt.InvalidAudienceError):
            raise RestError(401, "PGRST303", "JWT claims are not acceptable") from None
        except jwt.PyJWTError:
            message = "No suitable key or wrong key type"
            raise RestError(401, "PGRST301", message) from None

    def _firebase(self, token: str) -> dict[str, Any]:
        import jwt

        if not token.endswith("."):
            raise jwt.InvalidSignatureError
        return jwt.decode(
            token,
            leeway=LEEWAY_S,
            issuer=FIREBASE_ISSUER + self.firebase_project,
            audience=self.firebase_project,
            options={
                "verify_signature": False,
                "verify_exp": True,
                "verify_iss": True,
                "verify_aud": True,
                "require": ["exp", "iss", "aud", "sub"],
            },
        )
