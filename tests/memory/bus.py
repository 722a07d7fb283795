"""
Pub/Sub in memory: what is published is encoded, pushed to the catalog's consumers through the
real runtime, redelivered when refused, and dead-lettered in the end, as Pub/Sub does it.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from shared import catalog, runtime
from shared.errors import SyncError
from shared.events import Event, encode
from shared.observability import tracing
from shared.outcomes import unknown_code
from shared.runner import RefusedError
from tests.memory.place import Place

if TYPE_CHECKING:
    from shared.clients import Clients

PROJECT = "demo-test"
DEAD_LETTER = "dead-letter"


@dataclass
class Delivery:
    """One message on its way to one step. `attempt` counts deliveries, from 1."""

    function: str
    message_id: str
    data: bytes
    attributes: dict[str, str]
    attempt: int = 1

    def body(self) -> bytes:
        """
        Return the push wrapper as Pub/Sub posts it: with the number of the delivery only where
        the subscription has a dead letter topic.
        """
        message = {
            "data": base64.b64encode(self.data).decode(),
            "attributes": self.attributes,
            "messageId": self.message_id,
            "message_id": self.message_id,
            "publishTime": "2026-05-01T10:00:00.000Z",
        }
        subscription = f"projects/{PROJECT}/subscriptions/{self.function.replace('_', '-')}"
        wrapper = {"message": message, "subscription": subscription}
        counted = catalog.load().functions[self.function].topic != DEAD_LETTER
        return json.dumps(wrapper | ({"deliveryAttempt": self.attempt} if counted else {})).encode()


class MemoryBus(Place):
    """Keeps all that was ever published, and delivers it."""

    def __init__(self, max_attempts: int | None = None) -> None:
        super().__init__()
        self.published: list[Event] = []
        self.messages: list[tuple[str, bytes, dict[str, str]]] = []
        self.pending: list[Delivery] = []
        self.kept: list[bytes] = []  # dead letters that nobody consumes
        self.refusals: list[tuple[str, str]] = []  # step and code
        self.patient = True  # waits before a redelivery as long as the step asked
        self.waited = 0.0  # seconds
        self._max_attempts = max_attempts

    def publish(self, events: Sequence[Event], *, timeout_s: float = 10) -> None:
        """Accept events, one call per topic as the real publisher makes them."""
        with tracing.sending(events) as sent:
            for topic in dict.fromkeys(event.topic for event in sent):
                with self.effect(f"bus.publish {topic}"):
                    for event in sent:
                        if event.topic == topic:
                            self.published.append(event)
                            self.accept(topic, *encode(event))

    def accept(self, topic: str, data: bytes, attributes: dict[str, str]) -> None:
        """Take one message, whatever it holds, and queue it for the topic's consumers."""
        self.messages.append((topic, data, attributes))
        if topic == DEAD_LETTER:
            self.kept.append(data)
        message_id = str(len(self.messages))
        for function in catalog.load().consumers(topic):
            self.pending.append(Delivery(function.name, message_id, data, dict(attributes)))

    def run_until_quiet(self, to: Clients, limit: int = 10_000) -> None:
        """Deliver until nothing is on its way."""
        for _ in range(limit):
            if not self.pending:
                return
            self.deliver(to, self.pending.pop(0))
        raise AssertionError(f"the bus is not quiet after {limit} deliveries")

    def deliver(self, to: Clients, delivery: Delivery) -> bool:
        """
        Push one message; return whether it was acknowledged. One that was not comes back to the
        end of the queue, or goes to the dead letter topic.
        """
        function = catalog.load().functions[delivery.function]
        headers = {"Content-Type": "application/json"}
        try:
            runtime.deliver(function.name, work(function), to, delivery.body(), headers)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - the entry point answers 5xx
            self.refusals.append((function.name, _code(error)))
            if self.patient:
                self.waited += getattr(error, "retry_after", None) or 0
            self._again(function, delivery)
            return False
        except BaseException:  # the process is gone: nobody answered
            self._again(function, delivery)
            raise
        return True

    def of(self, topic: str) -> list[Event]:
        """Return the events published on a topic."""
        return [event for event in self.published if event.topic == topic]

    def _again(self, function: catalog.Function, delivery: Delivery) -> None:
        attempts = self._max_attempts or function.limits["max_attempts"]
        if function.topic == DEAD_LETTER or delivery.attempt < attempts:
            delivery.attempt += 1
            self.pending.append(delivery)
            return
        source = {
            "CloudPubSubDeadLetterSourceDeliveryCount": str(delivery.attempt),
            "CloudPubSubDeadLetterSourceSubscription": function.name.replace("_", "-"),
            "CloudPubSubDeadLetterSourceSubscriptionProject": PROJECT,
        }
        self.accept(DEAD_LETTER, delivery.data, delivery.attributes | source)


def work(function: catalog.Function) -> Any:
    """Return the work of a step, which its entry point wraps."""
    return getattr(import_module(function.module), function.name).__wrapped__


def _code(error: BaseException) -> str:
    if isinstance(error, RefusedError):
        return error.outcomes[0].code or "refused"
    return error.code if isinstance(error, SyncError) else unknown_code(error)
