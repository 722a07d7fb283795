"""
Spans and metrics as OpenTelemetry makes them; imported only where an exporter is configured.

None of them holds a key, a value or an error's text: an error appears by its code, an unknown one
also by the place in our code that met it.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from opentelemetry import context as contexts
from opentelemetry import trace
from opentelemetry.trace import Link, NonRecordingSpan, SpanContext, SpanKind, StatusCode

from shared import catalog
from shared.errors import RequestError, SyncError, where
from shared.events import traceparent
from shared.observability import telemetry_export, telemetry_names
from shared.observability.telemetry_names import BOUNDS, DURATIONS, Named
from shared.outcomes import unknown_code
from shared.runner import RefusedError

if TYPE_CHECKING:
    from collections.abc import Generator

    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import TracerProvider

    from shared.events import Event
    from shared.outcomes import Outcome
    from shared.transport import Message


class Telemetry:
    """Makes spans and records metrics, by default to export them."""

    def __init__(
        self, tracers: TracerProvider | None = None, meters: MeterProvider | None = None
    ) -> None:
        self._tracer = (tracers or telemetry_export.tracers()).get_tracer("healbridge.sync")
        meter = (meters or telemetry_export.meters()).get_meter("healbridge.sync")
        self._durations = {
            name: meter.create_histogram(name, "s", explicit_bucket_boundaries_advisory=BOUNDS)
            for name in DURATIONS
        }
        self._sent = meter.create_counter("messaging.client.sent.messages", "{message}")
        self._consumed = meter.create_counter("messaging.client.consumed.messages", "{message}")
        self._entities = meter.create_counter("healbridge.sync.entities", "{entity}")

    @contextmanager
    def invocation(self, name: str, caller: str) -> Generator[str]:
        """The root of a trace: a function that something outside started."""
        trigger = catalog.load().functions[name].trigger["kind"]
        named = telemetry_names.invocation(name, trigger)
        with self._span(named, SpanKind.SERVER, links=[caller] if caller else ()) as span:
            yield traceparent_of(span)

    @contextmanager
    def delivery(self, name: str, message: Message, event: Event) -> Generator[str]:
        """A step's work on one message, below the span that sent it."""
        named = telemetry_names.message("process", event.topic)
        more = {
            "faas.name": name,
            "faas.trigger": "pubsub",
            "messaging.destination.subscription.name": name.replace("_", "-"),
            "messaging.message.id": message.message_id,
            "messaging.gcp_pubsub.message.delivery_attempt": message.attempt or 1,
            "healbridge.sync.entities": len(event.refs),
        }
        self._consumed.add(1, named.labels)
        with self._span(named, SpanKind.CONSUMER, event.traceparent, more=more) as span:
            yield traceparent_of(span)

    @contextmanager
    def sending(self, event: Event, here: str) -> Generator[str]:
        """One message on its way to the bus, linked to whatever else caused it."""
        named = telemetry_names.message("send", event.topic)
        causes = {here, *(traceparent(ref.trace) for ref in event.refs)}
        links = sorted(causes - {"", event.traceparent})
        more = {"healbridge.sync.entities": len(event.refs)}
        with self._span(
            named, SpanKind.PRODUCER, event.traceparent, more=more, links=links
        ) as span:
            yield traceparent_of(span)
        self._sent.add(1, named.labels)

    @contextmanager
    def call(self, peer: str, operation: str, target: str, parent: str) -> Generator[None]:
        """One round trip to a store or a provider."""
        with self._span(telemetry_names.call(peer, operation, target), SpanKind.CLIENT, parent):
            yield

    def count(self, name: str, outcomes: Sequence[Outcome]) -> None:
        """Count a step's entities by what became of them."""
        for state, number in Counter(outcome.state for outcome in outcomes).items():
            self._entities.add(number, {"faas.name": name, "healbridge.sync.state": state})

    @contextmanager
    def _span(
        self,
        named: Named,
        kind: SpanKind,
        parent: str = "",
        *,
        more: Mapping[str, Any] | None = None,
        links: Sequence[str] = (),
    ) -> Generator[trace.Span]:
        span = self._tracer.start_span(
            named.name,
            _below(parent),
            kind,
            {**named.labels, **(more or {})},
            [Link(_read(link)) for link in links],
        )
        labels = dict(named.labels)
        began = time.perf_counter()
        try:
            yield span
        except BaseException as error:
            labels["error.type"] = _describe(span, error)
            raise
        finally:
            self._durations[named.duration].record(time.perf_counter() - began, labels)
            span.end()


def traceparent_of(span: trace.Span) -> str:
    """Return a span's W3C traceparent."""
    made = span.get_span_context()
    return f"00-{made.trace_id:032x}-{made.span_id:016x}-{made.trace_flags:02x}"


def _below(parent: str) -> contexts.Context:
    """Return the context below a traceparent; below nothing, not even this thread's, for ""."""
    empty = contexts.Context()
    return trace.set_span_in_context(NonRecordingSpan(_read(parent)), empty) if parent else empty


def _read(traceparent: str) -> SpanContext:
    _, trace_id, span_id, flags = traceparent.split("-")
    return SpanContext(
        int(trace_id, 16),
        int(span_id, 16),
        is_remote=True,
        trace_flags=trace.TraceFlags(int(flags, 16)),
    )


def _describe(span: trace.Span, error: BaseException) -> str:
    """Note an error on its span, by code and place; return the code. A caller's mistake is ours
    to answer, not ours to mend, so its span is not marked as failed."""
    code = _code(error)
    span.set_attribute("error.type", code)
    if code.startswith("unknown_") and (at := where(error)):
        span.set_attribute("code.function.name", at)
    if not (isinstance(error, RequestError) and error.status < 500):
        span.set_status(StatusCode.ERROR)
    return code


def _code(error: BaseException) -> str:
    if isinstance(error, RefusedError):
        return error.outcomes[0].code or "refused"
    return error.code if isinstance(error, SyncError) else unknown_code(error)
