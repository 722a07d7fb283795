"""A request's body as a JSON object. Pure."""

from __future__ import annotations

import json
from typing import Any, cast

from shared.errors import RequestError


def read_object(body: bytes) -> dict[str, Any]:
    """Return a body's object. Raise RequestError: 400 for no JSON, 422 for no object."""
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        raise RequestError(400, "not_json", "the body must be JSON") from None
    if not isinstance(parsed, dict):
        raise RequestError(422, "not_object", "the body must be a JSON object")
    return cast("dict[str, Any]", parsed)
