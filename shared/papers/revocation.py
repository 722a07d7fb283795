"""
A core prescription's summary, and when the prescription counts as revoked. Pure.

The backend has no agreed place for it, so each of these is enough: `status` revoked or cancelled
(any case), `revoked_at` set, or `revoked` true; in the summary, or as a column of the row.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

from shared.errors import PermanentError

_STATUS = frozenset({"revoked", "cancelled", "canceled"})


def summary_of(value: object) -> dict[str, Any]:
    """
    Return summary_json as an object: some writers store the JSON text of it, and none is empty.

    Raise PermanentError for anything else: whether it revokes could not be told.
    """
    if value is None or (isinstance(value, str) and not value.strip()):
        return {}
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            raise PermanentError("prescription_summary_unreadable") from None
    if not isinstance(value, dict):
        raise PermanentError("prescription_summary_unreadable")
    return cast("dict[str, Any]", value)


def is_revoked(summary: Mapping[str, Any], status: str | None, revoked_at: str | None) -> bool:
    """Tell it from the summary, and from the row's own columns where the backend has them."""
    stated = {str(text).strip().lower() for text in (summary.get("status"), status) if text}
    at = summary.get("revoked_at", summary.get("revokedAt"))
    return bool(stated & _STATUS or at or revoked_at or _true(summary.get("revoked")))


def _true(value: object) -> bool:
    """Read a flag; some writers store it as text."""
    return value is True or (isinstance(value, str) and value.strip().lower() in {"true", "yes"})
