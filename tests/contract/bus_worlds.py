"""
The bus in memory and the Pub/Sub emulator behind one set of words. Both push to the real runtime
over stores in memory, so that only what lies between publishing and a step differs.

The emulator sends no delivery count with a push (Pub/Sub does, to subscriptions with a dead letter
topic), and retries once a second at the fastest.
"""

from __future__ import annotations

import json
import threading
import time
from base64 import b64decode
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass

import httpx

from infra.local import pubsub
from infra.local.loopback import Request, Response
from shared import catalog, runtime
from shared.events import Event
from shared.publisher import Publisher
from tests.contract.serving import served
from tests.memory.bus import PROJECT, MemoryBus, work
from tests.memory.clients import MemoryClients

ATTEMPTS = 5  # the fewest that Pub/Sub allows
_PATIENCE_S = 60.0
_REST_S = 2.5  # longer than the emulator takes to come again


class CrashError(BaseException):
    """The process is killed: no handler of the step may catch it."""


@dataclass(frozen=True, slots=True)
class Push:
    """One push that reached a function."""

    function: str
    subscription: str
    message_id: str
    data: bytes
    attributes: dict[str, str]


def push(function: str, body: bytes) -> Push:
    """Read a push wrapper."""
    wrapper = json.loads(body)
    message = wrapper["message"]
    assert message["messageId"] == message["message_id"]
    data, attributes = b64decode(message["data"]), message.get("attributes") or {}
    return Push(function, wrapper["subscription"], message["messageId"], data, attributes)


class BusWorld:
    """Clients in memory, and every push that reached a function."""

    def __init__(self) -> None:
        self.to = MemoryClients(max_attempts=ATTEMPTS)
        self.pushes: list[Push] = []

    def publish(self, *events: Event) -> None:
        """Publish as a step does."""
        self.to.publish(events)

    def pushed_to(self, function: str) -> list[Push]:
        """Return what was pushed to a function, in order."""
        return [push for push in self.pushes if push.function == function]


class MemoryBusWorld(BusWorld):
    """The bus in memory."""

    def __init__(self) -> None:
        super().__init__()
        self.bus: MemoryBus = self.to.bus

    def until(self, holds: Callable[[], bool]) -> None:
        """Deliver until something holds."""
        while not holds():
            assert self.bus.pending, "the bus is quiet"
            self._deliver()

    def rest(self) -> None:
        """Deliver all that is still to come."""
        while self.bus.pending:
            self._deliver()

    def kept(self) -> list[bytes]:
        """Return the dead letters that are kept for a person."""
        return self.bus.kept

    def _deliver(self) -> None:
        delivery = self.bus.pending.pop(0)
        self.pushes.append(push(delivery.function, delivery.body()))
        with suppress(CrashError):  # the process is started anew
            self.bus.deliver(self.to, delivery)


class EmulatorWorld(BusWorld):
    """The Pub/Sub emulator with the catalog's topics, pushing to a server of this process."""

    def __init__(self, host: str, exits: ExitStack) -> None:
        super().__init__()
        self._host, self._lock = host, threading.Lock()
        self._open = True
        functions = exits.enter_context(served(self._answer))
        exits.callback(self._close)
        httpx.post(f"http://{host}/reset").raise_for_status()
        pubsub.create_topics(
            catalog.load(),
            PROJECT,
            host,
            lambda function: f"http://{functions}/{function}",
            fastest_retry=True,
            max_attempts_override=ATTEMPTS,
        )
        publisher = Publisher()
        exits.callback(publisher.close)
        vars(self.to)["publisher"] = publisher

    def until(self, holds: Callable[[], bool]) -> None:
        """Wait until something holds."""
        deadline = time.monotonic() + _PATIENCE_S
        while not holds():
            assert time.monotonic() < deadline, "what was expected did not happen in time"
            time.sleep(0.02)

    def rest(self) -> None:
        """Wait until nothing has come for longer than the emulator takes to come again."""
        seen = -1
        while seen < len(self.pushes):
            seen = len(self.pushes)
            time.sleep(_REST_S)

    def kept(self) -> list[bytes]:
        """Return the dead letters that are kept for a person."""
        at = f"http://{self._host}/v1/projects/{PROJECT}/subscriptions/{pubsub.KEPT}:pull"
        asked = {"maxMessages": 1000, "returnImmediately": True}
        found = httpx.post(at, json=asked).raise_for_status().json()
        return [b64decode(m["message"]["data"]) for m in found.get("receivedMessages", [])]

    def _close(self) -> None:
        self._open = False  # what is still under way is refused
        httpx.post(f"http://{self._host}/reset").raise_for_status()

    def _answer(self, request: Request) -> Response | None:
        name = request.path.lstrip("/")
        function = catalog.load().functions[name]
        with self._lock:
            if not self._open:
                return Response(503)
            self.pushes.append(push(name, request.body))
            try:
                runtime.deliver(name, work(function), self.to, request.body, request.headers)
            except CrashError:
                return None
            except Exception:  # noqa: BLE001 - the entry point answers 5xx
                return Response(503)
        return Response(204)


def keys(data: bytes) -> Sequence[str]:
    """Return the keys that a message names."""
    return [ref["key"] for ref in json.loads(data)["refs"]]
