"""What Pub/Sub delivers is read in each of its shapes; what breaks the form has a reason."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import PermanentError
from shared.transport import MAX_BODY, Message, decode

DATA = b'{"refs":[{"kind":"user","key":"u1","version":7}]}'
JSON = "application/json"
STRUCTURED = "application/cloudevents+json; charset=utf-8"
MESSAGE = {
    "data": base64.b64encode(DATA).decode(),
    "attributes": {"traceparent": "00-x"},
    "messageId": "12",
    "message_id": "12",
    "publishTime": "2026-05-01T10:00:00.000Z",
    "publish_time": "2026-05-01T10:00:00.000Z",
}
# As captured: from a push subscription of the emulator; as Eventarc documents the other two.
PUSH = {"message": MESSAGE, "subscription": "projects/p/subscriptions/store-user"}
EVENTARC = {
    "id": "12",
    "source": "//pubsub.googleapis.com/projects/p/topics/user-changed",
    "specversion": "1.0",
    "type": "google.cloud.pubsub.topic.v1.messagePublished",
    "datacontenttype": "application/json",
    "time": "2026-05-01T10:00:00.000Z",
    "data": PUSH,
}
READ = Message(DATA, {"traceparent": "00-x"}, "12", 0)


def body(value: Any) -> bytes:
    return json.dumps(value).encode()


@pytest.mark.parametrize(
    ("sent", "content_type"),
    [
        pytest.param(PUSH, JSON, id="push wrapper"),
        pytest.param(PUSH, "", id="push wrapper without content type"),
        pytest.param(PUSH, JSON, id="Eventarc, binary mode: the same body, ce-* headers"),
        pytest.param(EVENTARC, STRUCTURED, id="Eventarc, structured mode"),
        pytest.param(EVENTARC, JSON, id="structured mode under a plain content type"),
    ],
)
def test_a_message_is_read_alike_in_every_shape(sent: Any, content_type: str) -> None:
    assert decode(body(sent), content_type) == READ


def test_the_delivery_count_is_read_where_it_is_sent() -> None:
    assert decode(body(PUSH | {"deliveryAttempt": 4})).attempt == 4
    assert decode(body(PUSH | {"deliveryAttempt": "4"})).attempt == 0


def test_a_message_without_data_or_attributes_is_read_as_empty() -> None:
    assert decode(body({"message": {"messageId": "1"}})) == Message(b"", {}, "1", 0)


@pytest.mark.parametrize("given", [None, "", 7, "a b", "x" * 129, "\u0000", ["1"]])
def test_a_message_id_that_is_none_is_called_unknown(given: Any) -> None:
    expected = "7" if given == 7 else "unknown"
    assert decode(body({"message": {"messageId": given}})).message_id == expected


@pytest.mark.parametrize(
    ("sent", "content_type", "code"),
    [
        (b"", JSON, "message_not_json"),
        (b"{", JSON, "message_not_json"),
        (b"[" * 100_000, JSON, "message_not_json"),
        (b" " * (MAX_BODY + 1), JSON, "message_too_large"),
        (b"[]", JSON, "message_not_wrapped"),
        (b"{}", JSON, "message_not_wrapped"),
        (b'{"message": []}', JSON, "message_not_wrapped"),
        (b'{"specversion": "1.0"}', JSON, "message_not_wrapped"),
        (b'{"data": "x"}', STRUCTURED, "message_not_wrapped"),
        (b'{"message": {"data": 7}}', JSON, "message_data_not_text"),
        (b'{"message": {"data": "*"}}', JSON, "message_data_not_base64"),
        (b'{"message": {"data": "\\u00e9"}}', JSON, "message_data_not_base64"),
        (b'{"message": {"attributes": []}}', JSON, "message_not_wrapped"),
    ],
)
def test_a_body_that_breaks_the_form_is_refused_with_its_reason(
    sent: bytes, content_type: str, code: str
) -> None:
    with pytest.raises(PermanentError) as raised:
        decode(sent, content_type)
    assert raised.value.code == code


@given(st.binary(max_size=200), st.sampled_from([JSON, STRUCTURED, ""]))
def test_no_body_is_anything_but_read_or_refused(sent: bytes, content_type: str) -> None:
    with pytest.raises(PermanentError):
        decode(sent, content_type)
