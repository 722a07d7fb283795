"""
One trace from trigger to last store, in the W3C form, and the spans and metrics along it.

The trace itself is carried by us and always: in message attributes, in outbox rows, in the ledger
and on every log line. Spans and metrics are made only where an OTLP exporter is configured; where
none is, OpenTelemetry's SDK is not even imported, and each function here costs a microsecond.

A function that something outside starts begins a trace of its own, linked to the caller's: Cloud
Run samples a tenth of a request per second, and a stranger's header must not decide either.
"""

from __future__ import annotations

import os
import threading
from contextlib import ExitStack, contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import replace
from typing import TYPE_CHECKING

from shared.events import Event, new_traceparent, traceparent

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from contextlib import AbstractContextManager

    from shared.observability.telemetry import Telemetry
    from shared.outcomes import Outcome
    from shared.transport import Message

_ENDPOINTS = (
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
)
_NOTHING: AbstractContextManager[None] = nullcontext()
_here: ContextVar[str] = ContextVar("traceparent", default="")
_lock = threading.Lock()


def here() -> str:
    """Return the traceparent of what runs now, "" outside of any function."""
    return _here.get()


def continued() -> str:
    """Return the traceparent under which to announce something: this function's, or a new one."""
    return _here.get() or new_traceparent()


@contextmanager
def invocation(name: str, caller: str | None = None) -> Generator[None]:
    """Around a function that a request, a schedule or a trigger starts; `caller`: its header."""
    telemetry = _telemetry()
    if telemetry is None:
        with _entered(new_traceparent()):
            yield
        return
    with telemetry.invocation(name, traceparent(caller)) as root, _entered(root):
        yield


@contextmanager
def delivery(name: str, message: Message, event: Event) -> Generator[Event]:
    """Around a step's work on a message; yields the event under the step's own span."""
    telemetry = _telemetry()
    if telemetry is None:
        with _entered(event.traceparent):
            yield event
        return
    with telemetry.delivery(name, message, event) as below, _entered(below):
        yield replace(event, traceparent=below)


@contextmanager
def sending(events: Sequence[Event]) -> Generator[Sequence[Event]]:
    """Around a publish; yields the events as they are to be sent, each with its traceparent."""
    telemetry = _telemetry()
    if telemetry is None:
        yield [e if e.traceparent else replace(e, traceparent=new_traceparent()) for e in events]
        return
    with ExitStack() as spans:
        yield [
            replace(event, traceparent=spans.enter_context(telemetry.sending(event, here())))
            for event in events
        ]


def call(peer: str, operation: str, target: str = "") -> AbstractContextManager[None]:
    """
    Around one round trip. `peer` is a key of `telemetry.PEERS`; operation and target are names of
    methods, tables and statements, never a value.
    """
    telemetry = _telemetry()
    if telemetry is None or not _here.get():
        return _NOTHING
    return telemetry.call(peer, operation, target, _here.get())


def count(name: str, outcomes: Sequence[Outcome]) -> None:
    """Count what became of a step's entities."""
    telemetry = _telemetry()
    if telemetry is not None:
        telemetry.count(name, outcomes)


def resumed(error: BaseException) -> AbstractContextManager[None]:
    """Around what is said of an error: under the trace that it came out of."""
    return _entered(getattr(error, "traceparent", ""))


@contextmanager
def _entered(here: str) -> Generator[None]:
    token = _here.set(here)
    try:
        yield
    except BaseException as error:
        vars(error)["traceparent"] = here
        raise
    finally:
        _here.reset(token)


def configured() -> bool:
    """Tell whether the environment names an exporter, in OpenTelemetry's own variables."""
    if os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    return any(os.environ.get(name, "").strip() for name in _ENDPOINTS)


def _telemetry() -> Telemetry | None:
    made = _made
    return made[0] if made else _make()


_made: list[Telemetry | None] = []


def _make() -> Telemetry | None:
    with _lock:
        if not _made:
            if configured():
                from shared.observability.telemetry import Telemetry

                _made.append(Telemetry())
            else:
                _made.append(None)
        return _made[0]
