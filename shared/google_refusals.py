"""
Refusals of Google's HTTP APIs: an object `error` with a message, a status word and details, or a
gateway's page. Their messages may hold values: only words that we know are taken from them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from shared.json_http import Answer

# As firebase-admin reads an answer that has no word of its own; a contract test compares.
_WORDS = {
    400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND",
    409: "CONFLICT", 412: "FAILED_PRECONDITION", 429: "RESOURCE_EXHAUSTED", 500: "INTERNAL",
    503: "UNAVAILABLE",
}  # fmt: skip


def error(answer: Answer) -> dict[str, Any]:
    """Return a refusal's `error`, empty if it has none."""
    given = (answer.said() or {}).get("error")
    return cast("dict[str, Any]", given) if isinstance(given, dict) else {}


def word(status: int) -> str:
    """Return the word that stands for an HTTP status."""
    return _WORDS.get(status, "UNKNOWN")
