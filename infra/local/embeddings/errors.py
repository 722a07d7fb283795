"""Answers and refusals in OpenAI's shape."""

from __future__ import annotations

import json
from dataclasses import dataclass

from infra.local.loopback import Response


@dataclass
class ApiError(Exception):
    """A refusal in OpenAI's shape."""

    status: int
    message: str
    code: str | None = None
    param: str | None = None
    kind: str = "invalid_request_error"

    def response(self, headers: dict[str, str] | None = None) -> Response:
        """Return the answer."""
        error = {
            "message": self.message,
            "type": self.kind,
            "param": self.param,
            "code": self.code,
        }
        return json_response(self.status, {"error": error}, headers)


def json_response(status: int, value: object, headers: dict[str, str] | None = None) -> Response:
    """Return `value` as a compact JSON answer."""
    body = json.dumps(value, separators=(",", ":")).encode()
    return Response(status, body, {"Content-Type": "application/json", **(headers or {})})
