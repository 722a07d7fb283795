"""HTTP replies of endpoints that answer more than a JSON object with status 200."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

# No script, style or request but this function's own; nobody may frame it.
SECURITY = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self';"
    " connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole reply; `headers` are added to the content type and SECURITY."""

    body: str
    status: int = 200
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict[str, str])

    def answer(self) -> tuple[str, int, dict[str, str]]:
        """Return it as functions-framework wants it."""
        headers = {"Content-Type": self.content_type, "Cache-Control": "no-store"}
        return self.body, self.status, headers | SECURITY | dict(self.headers)


def json_reply(value: object, status: int = 200, **headers: str) -> Reply:
    """Return a value as JSON: dataclasses as objects, times in ISO 8601."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Reply(json.dumps(value, default=_plain, separators=(",", ":")), status, headers=named)


def error_reply(status: int, code: str, message: str, **headers: str) -> Reply:
    """Return an error in the form that all endpoints use."""
    return json_reply({"error": code, "message": message}, status, **headers)


def _plain(value: object) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"not for JSON: {type(value).__name__}")
