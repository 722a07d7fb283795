"""
The webhook's front door: size, signature, form. Pure checks; each failure is a RequestError.

The signature is HMAC-SHA256 over "<timestamp>.<raw body>", hex, as `v1=...`; the timestamp is in
Unix seconds and may be five minutes off. Two secrets may be live while one replaces the other.
The same request may be sent again for as long: it is only a hint, and a repeat finds nothing to
announce (docs/decisions/0110-no-memory-of-hints.md).
"""

from __future__ import annotations

import hashlib
import hmac
import time
from typing import TYPE_CHECKING, Any, cast

from shared.access.json_body import read_object
from shared.errors import RequestError, SettingMissingError

if TYPE_CHECKING:
    from flask import Request
    from werkzeug.datastructures import Headers

MAX_BODY = 64 * 1024
TOLERANCE_S = 300
_OPERATIONS = ("INSERT", "UPDATE", "DELETE")
_MAX_DEPTH = 8
_LIVE_SECRETS = 2  # one, and while it is rotated the next


def read_body(request: Request) -> bytes:
    """Return a POST's raw body. Raise 405, 415 or 413."""
    if request.method != "POST":
        raise RequestError(405, "method_not_allowed", "use POST")
    if request.mimetype != "application/json":
        raise RequestError(415, "content_type", "Content-Type must be application/json")
    if (request.content_length or 0) > MAX_BODY:
        raise RequestError(413, "body_too_large", f"the body must not exceed {MAX_BODY} bytes")
    body = request.stream.read(MAX_BODY + 1)
    if len(body) > MAX_BODY:
        raise RequestError(413, "body_too_large", f"the body must not exceed {MAX_BODY} bytes")
    return body


def sign(secret: str, stamp: int, body: bytes) -> str:
    """Return the signature header's value."""
    signed = str(stamp).encode() + b"." + body
    return "v1=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


def authenticate(headers: Headers, body: bytes, secrets: str) -> None:
    """Check timestamp and signature against one or two comma-separated secrets. Raise 401."""
    stamp = headers.get("X-HealBridge-Timestamp", "")
    given = headers.get("X-HealBridge-Signature", "")
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= 12):
        raise RequestError(401, "timestamp", "X-HealBridge-Timestamp must be Unix seconds")
    if abs(time.time() - int(stamp)) > TOLERANCE_S:
        raise RequestError(401, "timestamp", "X-HealBridge-Timestamp is too far from now")
    live = [secret.strip() for secret in secrets.split(",") if secret.strip()]
    if not 1 <= len(live) <= _LIVE_SECRETS:
        raise SettingMissingError("WEBHOOK_SECRET")
    # All are compared, whatever the first says, and each in constant time.
    matches = [
        hmac.compare_digest(sign(secret, int(stamp), body).encode(), given.encode())
        for secret in live
    ]
    if not any(matches):
        raise RequestError(401, "signature", "X-HealBridge-Signature does not match the body")


def check_hint(body: bytes, *, table: str) -> None:
    """Check the form of a hint: {"type", "schema", "table", "ids"}. Raise 400 or 422."""
    hint = read_object(body)
    if _depth(hint) > _MAX_DEPTH:
        raise RequestError(422, "too_deep", f"the body must nest at most {_MAX_DEPTH} levels")
    if hint.get("type") not in _OPERATIONS:
        raise RequestError(422, "type", "`type` must be INSERT, UPDATE or DELETE")
    if hint.get("schema") != "public":
        raise RequestError(422, "schema", "`schema` must be public")
    if hint.get("table") != table:
        raise RequestError(422, "table", f"`table` must be {table}")
    ids = hint.get("ids")
    if not isinstance(ids, list) or not all(isinstance(i, str) for i in cast("list[Any]", ids)):
        raise RequestError(422, "ids", "`ids` must be a list of strings")


def _depth(value: object) -> int:
    """Return how deep a value nests, without recursing: the value may be hostile."""
    deepest, pending = 0, [(value, 1)]
    while pending:
        item, depth = pending.pop()
        deepest = max(deepest, depth)
        if isinstance(item, dict):
            pending += [(child, depth + 1) for child in cast("dict[str, Any]", item).values()]
        elif isinstance(item, list):
            pending += [(child, depth + 1) for child in cast("list[Any]", item)]
    return deepest
