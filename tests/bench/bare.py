"""Functions that do nothing: what functions-framework itself costs."""

from __future__ import annotations

from typing import Any


def bare(request: Any) -> tuple[str, int]:
    """Answer an HTTP request, its body read as a step reads it."""
    request.get_data()
    return "", 204


def bare_event(event: Any) -> None:
    """Take a background event."""
