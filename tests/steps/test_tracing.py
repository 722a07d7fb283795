"""One trace through a chain, told in the words of OpenTelemetry, without content; or nothing."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from opentelemetry import semconv
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from shared.errors import PermanentError, TransientError
from shared.events import Event, Ref, new_traceparent, traceparent
from shared.observability import tracing
from shared.observability.telemetry import Telemetry
from shared.observability.telemetry_names import PEERS, call
from shared.relay import announcements
from tests.memory import faults
from tests.memory.clients import MemoryClients

UID, PHONE = "uid-of-asha", "+919876543210"
Names = set[str]


class Seen:
    """What was recorded."""

    def __init__(self) -> None:
        self.exporter, self.reader = InMemorySpanExporter(), InMemoryMetricReader()
        tracers = TracerProvider()
        tracers.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.telemetry = Telemetry(tracers, MeterProvider([self.reader]))

    @property
    def spans(self) -> list[ReadableSpan]:
        return list(self.exporter.get_finished_spans())

    def metrics(self) -> list[Any]:
        data: Any = self.reader.get_metrics_data()
        scopes = [scope for r in data.resource_metrics for scope in r.scope_metrics]
        return [metric for scope in scopes for metric in scope.metrics]


@pytest.fixture(name="seen")
def _seen(monkeypatch: pytest.MonkeyPatch) -> Seen:
    seen = Seen()
    monkeypatch.setattr(tracing, "_made", [seen.telemetry])
    return seen


def sign_up(to: MemoryClients, uid: str = UID) -> None:
    to.firebase.sign_up(uid, phone=PHONE, email="asha@example.com")
    with tracing.invocation("announce_user"):
        event = Event("user-changed", (Ref("user", uid),), tracing.continued())
        to.publish([event])
    to.run()


def known_names() -> Names:
    """Return every attribute and metric that the conventions know."""
    texts = [path.read_text() for path in Path(semconv.__path__[0]).rglob("*.py")]
    return {name for text in texts for name in re.findall(r'= "([a-z._]+)"', text)}


def test_a_sign_up_is_one_trace_from_trigger_to_last_store(to: MemoryClients, seen: Seen) -> None:
    sign_up(to)
    (root,) = [span for span in seen.spans if span.parent is None]
    ids = {span.context.span_id for span in seen.spans if span.context}
    assert root.name == "announce_user"
    assert len({span.context.trace_id for span in seen.spans if span.context}) == 1
    assert all(span.parent.span_id in ids for span in seen.spans if span.parent)
    assert {span.name for span in seen.spans} >= {
        "send user-changed", "process user-changed", "send user-stored", "process user-stored",
        "send user-mirrored", "process user-mirrored",
    }  # fmt: skip
    journal = {entry.trace_id for entry in to.memory_core.journal_rows}
    assert journal == {f"{root.context.trace_id:032x}" if root.context else ""}


def test_spans_and_metrics_are_named_by_the_conventions_and_hold_no_content(
    to: MemoryClients, seen: Seen
) -> None:
    sign_up(to)
    own = {"healbridge.sync.entities", "healbridge.sync.state"}
    named = known_names() | own
    metrics = seen.metrics()
    assert {metric.name for metric in metrics} - named == set()
    points = [point for metric in metrics for point in metric.data.data_points]
    attributes = [dict(span.attributes or {}) for span in seen.spans]
    attributes += [dict(point.attributes) for point in points]
    for peer in PEERS:
        attributes.append(dict(call(peer, "select 1 from public.users", "").labels))
    assert {name for labels in attributes for name in labels} - named == set()
    told = repr([(s.name, s.attributes, s.events, s.status.description) for s in seen.spans])
    assert "asha" not in told + repr(points)
    assert PHONE[1:] not in told


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (TransientError("core_unreachable"), "core_unreachable"),
        (TypeError(PHONE), "unknown_typeerror"),
    ],
)
def test_an_error_is_told_by_its_code_and_an_unknown_one_by_its_place(
    to: MemoryClients, seen: Seen, error: Exception, code: str
) -> None:
    faults.fail(to.memory_core, "core_users.store", error)
    sign_up(to)
    (failed,) = [s for s in seen.spans if s.name == "process user-changed" and not s.status.is_ok]
    told = dict(failed.attributes or {})
    assert told["error.type"] == code
    assert ("code.function.name" in told) == code.startswith("unknown_")
    assert failed.events == ()
    assert failed.status.description is None
    assert PHONE not in repr(told)


def test_a_caller_cannot_choose_the_trace_but_is_linked(
    seen: Seen, http: Callable[[str], FlaskClient]
) -> None:
    foreign = new_traceparent()
    http("relay_core_outbox").post(headers={"traceparent": foreign})
    http("relay_core_outbox").post(headers={"traceparent": "nonsense"})
    first, second = [span for span in seen.spans if span.name == "relay_core_outbox"]
    assert first.context is not None
    assert f"{first.context.trace_id:032x}" != foreign[3:35]
    assert [f"{link.context.trace_id:032x}" for link in first.links] == [foreign[3:35]]
    assert second.links == ()


def test_a_callers_mistake_is_no_failed_span(
    seen: Seen, http: Callable[[str], FlaskClient]
) -> None:
    assert http("receive_document").get().status_code == 405
    (span,) = seen.spans
    assert (span.attributes or {})["error.type"] == "method_not_allowed"
    assert span.status.is_unset


def test_an_announcement_goes_on_with_the_trace_of_whoever_changed_the_entity() -> None:
    one, other = new_traceparent(), new_traceparent()
    topics = {"user": "user-stored"}
    (event,) = announcements([Ref("user", "a", 1, one), Ref("user", "b", 2, one)], topics)
    assert event.traceparent == one
    (event,) = announcements([Ref("user", "a", 1, one), Ref("user", "b", 2, other)], topics)
    assert event.traceparent == ""
    (event,) = announcements([Ref("user", "a", 1, "nonsense")], topics)
    assert event.traceparent == ""
    with tracing.invocation("relay_core_outbox"):
        (event,) = announcements([Ref("user", "a", 1)], topics)
        assert event.traceparent == tracing.here()
        many = announcements([Ref("user", str(n)) for n in range(101)], topics)
        assert [event.traceparent for event in many] == ["", ""]


def test_a_mixed_batch_is_linked_to_every_trace_it_came_from(to: MemoryClients, seen: Seen) -> None:
    causes = [new_traceparent(), new_traceparent()]
    refs = [Ref("user", str(number), number, trace) for number, trace in enumerate(causes)]
    to.publish(announcements(refs, {"user": "user-stored"}))
    (span,) = seen.spans
    assert span.parent is None
    linked = {f"{link.context.trace_id:032x}" for link in span.links}
    assert linked == {cause[3:35] for cause in causes}
    assert to.bus.published[0].traceparent[3:35] not in linked


def test_without_an_exporter_a_whole_chain_runs_and_the_sdk_is_not_even_imported() -> None:
    chain = """if True:
    import sys
    from shared.observability import tracing
    from tests.steps.tracing_off import run
    run()
    print(sorted(name for name in sys.modules if name.startswith("opentelemetry.sdk")))
    """
    environment = {k: v for k, v in os.environ.items() if not k.startswith("OTEL_")}
    ran = subprocess.run(
        [sys.executable, "-c", chain],
        cwd=Path(__file__).parents[2], env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert ran.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("given", "on"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:4318/v1/traces"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", "OTEL_SDK_DISABLED": "true"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": " "}, False),
    ],
)
def test_the_environment_decides(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, str], on: bool
) -> None:
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    assert tracing.configured() == on


@pytest.mark.parametrize("given", [None, "", "x", "00-0-0-01", "00-" + "A" * 32 + "-" + "a" * 16])
def test_a_malformed_traceparent_is_none(given: str | None) -> None:
    assert traceparent(given) == ""


def test_a_permanent_error_in_an_endpoint_is_logged_under_its_trace(
    to: MemoryClients, seen: Seen, http: Callable[[str], FlaskClient],
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    faults.fail(to.memory_core, "core_outbox.claim", PermanentError("core_22p02"))
    assert http("relay_core_outbox").post().status_code == 500
    (span,) = seen.spans
    assert span.context is not None
    assert f"{span.context.trace_id:032x}" in capsys.readouterr().out
