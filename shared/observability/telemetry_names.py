"""
What OpenTelemetry's semantic conventions call the things this project does.

The stores say in their own words what they call (`tracing.call`); this turns it into names and
attributes. All are of low cardinality: names of services, methods, tables and topics.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.observability.sql_summary import summary

INVOKED, PROCESSED, SENT = (
    "faas.invoke_duration",
    "messaging.process.duration",
    "messaging.client.operation.duration",
)
QUERIED, CALLED, EMBEDDED = (
    "db.client.operation.duration",
    "rpc.client.call.duration",
    "gen_ai.client.operation.duration",
)
DURATIONS = (INVOKED, PROCESSED, SENT, QUERIED, CALLED, EMBEDDED)
# Seconds; the advice of the conventions, with a step for what a step may take at most.
BOUNDS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)

_TRIGGERS = {"topic": "pubsub", "schedule": "timer", "firestore": "datasource", "http": "http"}
_DATABASES = {"core": "postgresql", "supabase": "postgresql", "firestore": "gcp.firestore"}
_SERVICES = {
    "firebase_auth": ("http", "identitytoolkit"),
    "supabase_auth": ("http", "gotrue"),
    "fcm": ("http", "fcm"),
    "pdf": ("http", "pdf"),
    "storage": ("aws-api", "S3"),
    "aws": ("aws-api", "S3"),
    "pubsub": ("grpc", "google.pubsub.v1.Subscriber"),
}
_MODELS = {"embeddings": "openai"}
PEERS = frozenset({*_DATABASES, *_SERVICES, *_MODELS})

Attributes = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Named:
    """A span's name, its attributes that metrics have too, and its duration's metric."""

    name: str
    labels: Mapping[str, Any]
    duration: str


def invocation(name: str, trigger: str) -> Named:
    """Name a function that something outside started."""
    labels = {"faas.name": name, "faas.trigger": _TRIGGERS.get(trigger, "other")}
    return Named(name, labels, INVOKED)


def message(operation: str, topic: str) -> Named:
    """Name what is done with a message: it is sent, or processed."""
    labels = {
        "messaging.system": "gcp_pubsub",
        "messaging.operation.name": operation,
        "messaging.operation.type": operation,
        "messaging.destination.name": topic,
    }
    return Named(f"{operation} {topic}", labels, PROCESSED if operation == "process" else SENT)


def call(peer: str, operation: str, target: str) -> Named:
    """Name a round trip to one of PEERS. For core, `operation` is the statement."""
    labels: Attributes = {"peer.service": peer}
    if peer in _DATABASES:
        if peer == "core":
            operation, target = summary(operation)
        name = f"{operation} {target}".strip()
        labels |= {
            "db.system.name": _DATABASES[peer],
            "db.operation.name": operation,
            "db.query.summary": name,
        }
        return Named(name, labels, QUERIED)
    if peer in _MODELS:
        labels |= {
            "gen_ai.provider.name": _MODELS[peer],
            "gen_ai.operation.name": operation,
            "gen_ai.request.model": target,
        }
        return Named(f"{operation} {target}", labels, EMBEDDED)
    system, service = _SERVICES[peer]
    method = f"{service}/{operation}"
    labels |= {"rpc.system.name": system, "rpc.method": method}
    return Named(method, labels, CALLED)
