"""
Publish events to their topics: one synchronous call of Pub/Sub's gRPC method per topic.

Not through google-cloud-pubsub: importing it takes half a second and 30 MB of every cold start, and
its batching client waits in a background thread that freezes when a function's CPU is throttled
after its answer. Address, credentials, channel settings, routing header and bytes are those of that
package, and a contract test holds them against it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import quote

import grpc

from shared import google_account, settings
from shared.errors import TransientError
from shared.events import Event, encode
from shared.observability import tracing
from shared.protobuf import field

if TYPE_CHECKING:
    from collections.abc import Callable

_METHOD = "/google.pubsub.v1.Publisher/Publish"
_HOST = "pubsub.googleapis.com:443"
_OPTIONS = [
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_metadata_size", 4 * 1024 * 1024),
    ("grpc.keepalive_time_ms", 30_000),
]
_TIMEOUT_S = 10.0
_MESSAGES_PER_CALL = 1000  # the service's own limit


class Publisher:
    """Publishes to the topics of one project."""

    def __init__(self) -> None:
        self._project = settings.required("GOOGLE_CLOUD_PROJECT")
        self._channel = _channel()
        self._call: Callable[..., bytes] = self._channel.unary_unary(_METHOD)

    def publish(self, events: Sequence[Event], *, timeout_s: float = _TIMEOUT_S) -> None:
        """
        Return when all are accepted. Raise TransientError when any may not have been.

        Nothing is tried again here: the caller's message comes again.
        """
        with tracing.sending(events) as sent:
            self._publish(sent, timeout_s)

    def _publish(self, events: Sequence[Event], timeout_s: float) -> None:
        by_topic: dict[str, list[Event]] = {}
        for event in events:
            by_topic.setdefault(event.topic, []).append(event)
        try:
            for topic, batch in by_topic.items():
                path = f"projects/{self._project}/topics/{topic}"
                routing = [("x-goog-request-params", f"topic={quote(path)}")]
                for start in range(0, len(batch), _MESSAGES_PER_CALL):
                    request = publish_request(path, batch[start : start + _MESSAGES_PER_CALL])
                    self._call(request, timeout=timeout_s, metadata=routing)
        except grpc.RpcError:
            raise TransientError("publish_failed") from None

    def close(self) -> None:
        """Close the connection."""
        self._channel.close()


def publish_request(topic: str, events: Sequence[Event]) -> bytes:
    """Return a google.pubsub.v1.PublishRequest: the topic's path and a message per event."""
    return field(1, topic) + b"".join(field(2, _message(event)) for event in events)


def _message(event: Event) -> bytes:
    data, attributes = encode(event)
    pairs = (field(1, name) + field(2, value) for name, value in attributes.items())
    return field(1, data) + b"".join(field(2, pair) for pair in pairs)


def _channel() -> grpc.Channel:
    """Open a channel to the emulator if there is one, else to Pub/Sub as the function's account."""
    if emulator := os.environ.get("PUBSUB_EMULATOR_HOST"):
        return grpc.insecure_channel(emulator, _OPTIONS)
    token = grpc.metadata_call_credentials(_Account())
    secured = grpc.composite_channel_credentials(grpc.ssl_channel_credentials(), token)
    return grpc.secure_channel(_HOST, secured, _OPTIONS)


class _Account(grpc.AuthMetadataPlugin):
    """Adds the function's token to a call, from a thread of gRPC's own."""

    def __call__(
        self, context: grpc.AuthMetadataContext, callback: grpc.AuthMetadataPluginCallback
    ) -> None:
        del context
        try:
            headers = google_account.authorization()
        except TransientError as error:
            callback((), error)
        else:
            callback(tuple((name.lower(), value) for name, value in headers.items()), None)
