"""A core prescription's summary as an object. Pure."""

from __future__ import annotations

import json
from typing import Any, cast

from shared.errors import PermanentError


def summary_of(value: object) -> dict[str, Any]:
    """
    Return summary_json as an object: some writers store the JSON text of it, and none is empty.

    Raise PermanentError for anything else.
    """
    if isinstance(value, str):
        try:
            value = json.loads(value) if value.strip() else None
        except (ValueError, RecursionError):
            raise PermanentError("prescription_summary_unreadable") from None
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise PermanentError("prescription_summary_unreadable")
    return cast("dict[str, Any]", value)
