"""A chain that only passes an event on: what the bus and the framework take by themselves."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from shared.events import Ref, decode, events, new_traceparent
from shared.publisher import Publisher
from shared.transport import decode as unwrap

if TYPE_CHECKING:
    from cloudevents.http import CloudEvent
    from flask import Request

_publisher = Publisher()
_next = os.environ["NEXT_TOPIC"]


def begin(event: CloudEvent) -> None:
    """Publish an account's uid, as the first function of a chain."""
    _publisher.publish(events(_next, [Ref("user", event.data["value"]["uid"])], new_traceparent()))


def pass_on(request: Request) -> tuple[str, int]:
    """Read the event and publish its refs to the next topic."""
    message = unwrap(request.get_data(), request.headers.get("Content-Type", ""))
    event = decode("null", message.data, message.attributes)
    _publisher.publish(events(_next, event.refs, event.traceparent))
    return "", 204
