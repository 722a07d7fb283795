"""
When a core prescription counts as revoked. Pure.

The backend has no agreed place for it, so each of these is enough: `status` revoked or cancelled
(any case), `revoked_at` set, or `revoked` true; in the summary, or as a column of the row.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_STATUS = frozenset({"revoked", "cancelled", "canceled"})


def is_revoked(summary: Mapping[str, Any], status: str | None, revoked_at: str | None) -> bool:
    """Tell it from the summary, and from the row's own columns where the backend has them."""
    stated = {str(text).strip().lower() for text in (summary.get("status"), status) if text}
    at = summary.get("revoked_at", summary.get("revokedAt"))
    return bool(stated & _STATUS or at or revoked_at or _true(summary.get("revoked")))


def _true(value: object) -> bool:
    """Read a flag; some writers store it as text."""
    return value is True or (isinstance(value, str) and value.strip().lower() in {"true", "yes"})
