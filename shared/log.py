"""
Structured log lines in Cloud Logging's JSON form, with allow-listed fields only.

Not redaction but a closed set: a field that is not named here is a TypeError, so no content can
slip into a line. An entity appears as a keyed fingerprint, the same for the same uid. Every line
within a function names its trace and span, as Cloud Logging joins them.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import sys
from typing import Any

from shared.observability import tracing
from shared.settings import optional, required

FIELDS = frozenset(
    {
        "step", "outcome", "code", "count", "done", "retrying", "parked", "conflict", "gone",
        "ms", "topic", "kind", "fingerprint", "status", "attempt", "left", "message_id",
        "at",
    }
)  # fmt: skip


def event(name: str, *, severity: str = "INFO", **fields: Any) -> None:
    """Write one line. Raise TypeError for a field outside FIELDS."""
    unknown = fields.keys() - FIELDS
    if unknown:
        raise TypeError(f"not a log field: {sorted(unknown)}")
    line: dict[str, Any] = {"severity": severity, "message": name}
    line |= {key: value for key, value in fields.items() if value is not None}
    line |= _trace(tracing.here())
    sys.stdout.write(json.dumps(line, separators=(",", ":")) + "\n")
    sys.stdout.flush()


def _trace(traceparent: str) -> dict[str, Any]:
    """Return what joins a line to its trace; nothing outside a function or without a project."""
    project = optional("GOOGLE_CLOUD_PROJECT", "")
    if not traceparent or not project:
        return {}
    _, trace_id, span_id, _ = traceparent.split("-")
    return {
        "logging.googleapis.com/trace": f"projects/{project}/traces/{trace_id}",
        "logging.googleapis.com/spanId": span_id,
    }


def fingerprint(key: str) -> str:
    """Return a keyed hash of an entity's key. Raise SettingMissingError without FINGERPRINT_KEY."""
    secret = required("FINGERPRINT_KEY")
    return hmac.new(secret.encode(), key.encode(), hashlib.sha256).hexdigest()[:16]


def quiet_vendors() -> None:
    """
    Silence libraries that log what they send: urllib3 writes paths at DEBUG, where a PostgREST
    filter lies, httpx (of the operator's command) whole URLs at INFO.
    """
    for name in ("httpx", "httpcore", "urllib3", "google", "psycopg"):
        logger = logging.getLogger(name)
        if logger.level != logging.ERROR:  # setting it empties every logger's cache, 0.1 ms a call
            logger.setLevel(logging.ERROR)
