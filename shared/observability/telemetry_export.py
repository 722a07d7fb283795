"""
Where spans and metrics go: to OTLP over HTTP, as OpenTelemetry's own environment variables say.

OTEL_EXPORTER_OTLP_ENDPOINT   a collector, such as http://localhost:4318 (a sidecar), or
                              https://telemetry.googleapis.com, which is asked with our own account
OTEL_EXPORTER_OTLP_HEADERS    headers of another service
OTEL_TRACES_SAMPLER           which traces are kept; a chain is kept whole or not at all
OTEL_METRIC_EXPORT_INTERVAL   and others: the SDK's documentation

A throttled instance's exporting thread sleeps with it; what waits follows with its next request,
and what is left when it ends is sent then.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from uuid import uuid4

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from shared import settings

if TYPE_CHECKING:
    from requests import Session

_ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
_SCOPE = "https://www.googleapis.com/auth/cloud-platform"


def tracers() -> TracerProvider:
    """Return what makes spans and exports them in batches."""
    provider = TracerProvider(resource=_resource())
    if _wanted("TRACES"):
        exporter = OTLPSpanExporter(session=session("TRACES"))
        provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider


def meters() -> MeterProvider:
    """Return what makes metrics and exports them from time to time."""
    if not _wanted("METRICS"):
        return MeterProvider(resource=_resource())
    exporter = OTLPMetricExporter(session=session("METRICS"))
    return MeterProvider([PeriodicExportingMetricReader(exporter)], resource=_resource())


def session(signal: str) -> Session | None:
    """Return a session with our account's tokens where Google itself receives, else nothing."""
    host = urlsplit(_endpoint(signal)).hostname or ""
    if not host.endswith(".googleapis.com"):
        return None
    import google.auth
    from google.auth.transport.requests import AuthorizedSession

    credentials, _ = google.auth.default(scopes=[_SCOPE])
    return AuthorizedSession(credentials)


def _wanted(signal: str) -> bool:
    """Tell whether one signal is exported: not where only the other one has an endpoint."""
    off = settings.optional(f"OTEL_{signal}_EXPORTER", "otlp").lower() == "none"
    return bool(_endpoint(signal)) and not off


def _endpoint(signal: str) -> str:
    own = os.environ.get(f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT", "").strip()
    return own or os.environ.get(_ENDPOINT, "").strip()


def _resource() -> Resource:
    return Resource.create(
        {
            "service.name": settings.optional("K_SERVICE", "healbridge-sync"),
            "service.namespace": "healbridge-sync",
            "service.version": settings.revision(),
            "service.instance.id": str(uuid4()),
        }
    )
