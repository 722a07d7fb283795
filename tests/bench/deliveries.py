"""Deliveries of events to steps in this process, through the runtime, over given stores."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import main
from shared.clients import Clients
from shared.events import Event, Ref, encode, new_traceparent
from shared.runtime import StepWork, deliver
from tests.bench.world import Stores


class Quiet(Clients):
    """Clients over given databases whose publishing goes nowhere: it is measured on its own."""

    def __init__(self, stores: Stores, **others: Any) -> None:
        vars(self).update(core=stores.core, supabase=stores.supabase, **others)

    def publish(self, events: Sequence[Event]) -> None:
        """Drop the events."""


def push_body(refs: Sequence[Ref], attributes: Mapping[str, str] | None = None) -> bytes:
    """Return the body with which Pub/Sub delivers an event of these refs."""
    data, given = encode(Event("any", tuple(refs), new_traceparent()))
    message = {
        "data": base64.b64encode(data).decode(),
        "attributes": {**given, **(attributes or {})},
        "messageId": "1",
    }
    wrapper = {"message": message, "subscription": "projects/p/subscriptions/s"}
    # As deployed: a subscription with a dead letter topic counts its deliveries.
    return json.dumps(wrapper | {"deliveryAttempt": 1}).encode()


def deliverer(step: str, clients: Clients) -> Callable[[Sequence[Ref]], None]:
    """Return what delivers refs to a step as its service would take them; raises if refused."""
    entry = getattr(main, step)
    work = cast("StepWork", entry.__wrapped__)

    def run(refs: Sequence[Ref]) -> None:
        outcomes = deliver(step, work, clients, push_body(refs), {})
        states = {outcome.state for outcome in outcomes}
        if not states <= {"done", "gone"}:
            raise RuntimeError(f"{step} left entities {sorted(states)}")

    return run
