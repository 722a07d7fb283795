"""
Errors as PostgREST and GoTrue answer them.

Sources: PostgREST src/PostgREST/Error (codes PGRSTxxx, SQLSTATE to status), supabase/auth
internal/api/errors.go (two body shapes, chosen by X-Supabase-Api-Version).
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from infra.local.loopback import JSON, Response

API_VERSION = "2024-01-01"
EXACT = {
    "23503": 409,
    "23505": 409,
    "25006": 405,
    "42883": 404,
    "42P01": 404,
    "42P17": 500,
    "53400": 500,
    "57P01": 503,
    "P0001": 400,
}
BY_CLASS = {
    "08": 503,
    "0L": 403,
    "0P": 403,
    "28": 403,
    "53": 503,
    **dict.fromkeys(("09", "25", "2D", "38", "39", "3B", "40", "54", "55", "57", "58"), 500),
    **dict.fromkeys(("F0", "HV", "P0", "XX"), 500),
}


@dataclass
class RestError(Exception):
    """A refusal in PostgREST's shape: `{code, details, hint, message}`; `details` may hold data."""

    status: int
    code: str
    message: str
    details: str | None = None
    hint: str | None = None

    def response(self) -> Response:
        """Return the answer; HEAD has no body, so clients read the code from Proxy-Status."""
        body = {
            "code": self.code,
            "details": self.details,
            "hint": self.hint,
            "message": self.message,
        }
        headers = {"Content-Type": JSON, "Proxy-Status": f"PostgREST; error={self.code}"}
        if self.status == 401:
            headers["WWW-Authenticate"] = "Bearer"
        return Response(self.status, json.dumps(body).encode(), headers)


@dataclass
class GatewayError(Exception):
    """A refusal by the gateway in front of both services: no `code`, a `message` only."""

    status: int
    message: str
    hint: str | None = None

    def response(self) -> Response:
        """Return the answer."""
        body = {"message": self.message} | ({"hint": self.hint} if self.hint else {})
        return Response(self.status, json.dumps(body).encode(), {"Content-Type": JSON})


@dataclass
class AuthError(Exception):
    """A refusal in GoTrue's shape."""

    status: int
    code: str
    message: str

    def response(self, asked_version: str) -> Response:
        """Return the answer in the body shape of the API version asked for ("" is the oldest)."""
        headers = {"Content-Type": "application/json", "x-sb-error-code": self.code}
        body: dict[str, object] = {
            "code": self.status,
            "error_code": self.code,
            "msg": self.message,
        }
        if asked_version >= API_VERSION:
            headers["X-Supabase-Api-Version"] = API_VERSION
            body = {"code": self.code, "message": self.message}
        return Response(self.status, json.dumps(body).encode(), headers)


def status_of(sqlstate: str, message: str, *, anonymous: bool) -> int:
    """Return the HTTP status PostgREST gives an error of the database."""
    if sqlstate == "42501":
        return 401 if anonymous else 403
    if sqlstate == "21000":  # pg-safeupdate refuses on purpose; any other 21000 is a server error
        return 400 if message.endswith("requires a WHERE clause") else 500
    if sqlstate == "22023" and message.startswith("role ") and message.endswith("does not exist"):
        return 401
    if sqlstate.startswith("PT") and sqlstate[2:].isdigit():
        return int(sqlstate[2:])
    return EXACT.get(sqlstate) or BY_CLASS.get(sqlstate[:2]) or 400
