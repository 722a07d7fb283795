"""
Decode what Pub/Sub delivers, in either of its two shapes, to one Event.

push wrapper   {"message": {"data", "attributes", "messageId"}, "subscription"}: our own
               subscriptions, and an Eventarc CloudEvent in binary mode (same body, ce-* headers)
CloudEvent     application/cloudevents+json: the same object under "data"
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from shared.errors import PermanentError

MAX_BODY = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Message:
    """One delivered message. `attempt` is Pub/Sub's delivery count where it sends one, else 0."""

    data: bytes
    attributes: dict[str, str]
    message_id: str
    attempt: int


def decode(body: bytes, content_type: str = "") -> Message:
    """Read a delivery's body. Raise PermanentError (message_...) for one that breaks the form."""
    if len(body) > MAX_BODY:
        raise PermanentError("message_too_large")
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        raise PermanentError("message_not_json") from None
    wrapper = _object(parsed)
    if content_type.startswith("application/cloudevents+json") or (
        "specversion" in wrapper and "message" not in wrapper
    ):
        wrapper = _object(wrapper.get("data"))
    message = _object(wrapper.get("message"))
    attempt = wrapper.get("deliveryAttempt")
    return Message(
        data=_data(message.get("data", "")),
        attributes=_attributes(message.get("attributes")),
        message_id=_message_id(message.get("messageId") or message.get("message_id")),
        attempt=attempt if type(attempt) is int else 0,
    )


def _object(value: object) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise PermanentError("message_not_wrapped")
    return cast("dict[str, Any]", value)


def _data(value: object) -> bytes:
    if not isinstance(value, str):
        raise PermanentError("message_data_not_text")
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise PermanentError("message_data_not_base64") from None


def _message_id(value: object) -> str:
    """Return the id under which an unreadable message is parked; Pub/Sub's own are digits."""
    text = "" if value is None else str(value)
    return text if text.isascii() and text.isalnum() and len(text) <= 128 else "unknown"


def _attributes(value: object) -> dict[str, str]:
    if value is None:
        return {}
    return {str(key): str(text) for key, text in _object(value).items()}
