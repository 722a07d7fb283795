"""The lean publisher says to Pub/Sub what google-cloud-pubsub says, byte for byte."""

from __future__ import annotations

from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import grpc
import pytest
from google.auth.credentials import Credentials
from google.cloud.pubsub_v1 import PublisherClient
from google.pubsub_v1 import PublisherClient as Generated
from google.pubsub_v1 import PublishResponse, PubsubMessage
from google.pubsub_v1.services.publisher.transports.grpc import PublisherGrpcTransport

from shared import google_account, publisher
from shared.errors import TransientError
from shared.events import Event, Ref, encode
from shared.publisher import Publisher, publish_request

TRACE = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01"
EVENTS = [
    Event("user-changed", (Ref("user", "u1", 7), Ref("user", "यूज़र", 2**62)), TRACE),
    Event("user-changed", tuple(Ref("user", f"u{n}") for n in range(100)), TRACE),
    Event("user-changed", (Ref("user", "u2"),), TRACE, {"not_before": "1777629600"}),
]
TOPIC = "projects/demo-test/topics/user-changed"


@dataclass
class Bus(grpc.GenericRpcHandler):
    """A gRPC server that keeps what it is sent."""

    calls: list[tuple[str, bytes, dict[str, Any]]] = field(default_factory=list)
    refusal: grpc.StatusCode | None = None

    def service(self, handler_call_details: Any) -> Any:
        """Take any method."""
        said = dict(handler_call_details.invocation_metadata)

        def answer(request: bytes, context: grpc.ServicerContext) -> bytes:
            self.calls.append((handler_call_details.method, request, said))
            if self.refusal is not None:
                context.abort(self.refusal, "planted-text")
            return PublishResponse.serialize(PublishResponse(message_ids=["1"]))

        return grpc.unary_unary_rpc_method_handler(answer)


@pytest.fixture(name="bus")
def _bus(monkeypatch: pytest.MonkeyPatch) -> Generator[Bus]:
    bus = Bus()
    server = grpc.server(ThreadPoolExecutor(2), handlers=[bus])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", f"127.0.0.1:{port}")
    yield bus
    server.stop(0).wait()


def messages() -> list[PubsubMessage]:
    pairs = [encode(event) for event in EVENTS]
    return [PubsubMessage(data=data, attributes=attributes) for data, attributes in pairs]


def test_both_clients_send_the_same_call(bus: Bus) -> None:
    client, lean = PublisherClient(), Publisher()
    Generated.publish(client, topic=TOPIC, messages=messages(), timeout=5, retry=None)
    lean.publish(EVENTS, timeout_s=5)
    client.transport.close()
    lean.close()
    (theirs, their_bytes, their_words), (ours, our_bytes, our_words) = bus.calls
    assert ours == theirs
    same = "x-goog-request-params"
    assert our_words[same] == their_words[same]
    assert theirs == publisher._METHOD
    # A map's entries are in no set order on the wire: compared message by message.
    read = Generated.publish.__globals__["pubsub"].PublishRequest
    assert read.deserialize(our_bytes) == read.deserialize(their_bytes)


@pytest.mark.parametrize("event", EVENTS[:2])
def test_a_request_is_the_generated_class_s_byte_for_byte(event: Event) -> None:
    data, attributes = encode(event)
    request = Generated.publish.__globals__["pubsub"].PublishRequest
    theirs = request(topic=TOPIC, messages=[PubsubMessage(data=data, attributes=attributes)])
    assert publish_request(TOPIC, [event]) == request.serialize(theirs)


def test_address_scopes_and_channel_settings_are_the_package_s(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("PUBSUB_EMULATOR_HOST", raising=False)
    opened: list[tuple[Any, ...]] = []

    def open_(*given: Any) -> None:
        opened.append(given)

    monkeypatch.setattr(grpc, "secure_channel", open_)
    publisher._channel()
    ((address, _, options),) = opened
    assert address == f"{PublisherGrpcTransport.DEFAULT_HOST}:443"
    assert google_account.SCOPE in PublisherGrpcTransport.AUTH_SCOPES
    theirs: list[Any] = []

    class Asked(PublisherGrpcTransport):
        @classmethod
        def create_channel(cls, *args: Any, **given: Any) -> grpc.Channel:
            theirs.extend(given["options"])
            return grpc.insecure_channel("127.0.0.1:1")

    Asked(credentials=Token(), channel=Asked.create_channel).close()
    assert sorted(options) == sorted(theirs)


def test_a_call_carries_the_functions_token_or_fails_for_want_of_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plugins: list[Any] = []
    given: list[tuple[Any, Any]] = []

    def none() -> dict[str, str]:
        raise TransientError("google_credentials_unavailable")

    def take(headers: Any, error: Any) -> None:
        given.append((headers, error))

    def nothing(*_: Any) -> None: ...

    monkeypatch.delenv("PUBSUB_EMULATOR_HOST", raising=False)
    monkeypatch.setattr(grpc, "metadata_call_credentials", plugins.append)
    monkeypatch.setattr(grpc, "composite_channel_credentials", nothing)
    monkeypatch.setattr(grpc, "secure_channel", nothing)
    publisher._channel()
    monkeypatch.setattr(
        google_account, "authorization", lambda: {"Authorization": "Bearer made-up"}
    )
    plugins[0](None, take)
    monkeypatch.setattr(google_account, "authorization", none)
    plugins[0](None, take)
    assert given[0] == ((("authorization", "Bearer made-up"),), None)
    assert given[1][0] == ()
    assert str(given[1][1]) == "google_credentials_unavailable"


class Token(Credentials):
    """An account without a key."""

    def refresh(self, request: Any) -> None:
        """Stay as it is."""


@pytest.mark.parametrize(
    "status", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.NOT_FOUND, grpc.StatusCode.INTERNAL]
)
def test_a_refusal_is_tried_again_by_redelivery_and_says_nothing(
    bus: Bus, status: grpc.StatusCode
) -> None:
    bus.refusal = status
    lean = Publisher()
    with pytest.raises(TransientError, match=r"^publish_failed$") as raised:
        lean.publish(EVENTS)
    lean.close()
    assert raised.value.__suppress_context__
    assert len(bus.calls) == 1


def test_more_than_the_service_takes_at_once_is_divided(bus: Bus) -> None:
    lean = Publisher()
    lean.publish([Event("user-changed", (Ref("user", "u1"),), TRACE)] * 1001)
    lean.close()
    assert len(bus.calls) == 2
