"""The webhook's front door: a request that breaks a rule is told which, and announces nothing."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from shared.access import webhook
from tests.memory.clients import MemoryClients

SECRET = "the live secret"
HINT = {"type": "INSERT", "schema": "public", "table": "documents", "count": 1, "ids": ["d1"]}
Post = Callable[..., TestResponse]
Refused = Callable[[TestResponse], tuple[int, str]]


@pytest.fixture(autouse=True)
def _upload(to: MemoryClients, monkeypatch: pytest.MonkeyPatch) -> None:
    """Something that a request would announce, were it let in."""
    monkeypatch.setenv("WEBHOOK_SECRET", SECRET)
    to.memory_supabase.upload({"id": "00000000-0000-4000-8000-000000000001", "patient_id": "u1"})


@pytest.fixture(name="post")
def _post(http: Callable[[str], FlaskClient]) -> Post:
    """Post a body to the webhook, signed as the database signs it unless told otherwise."""

    def post(body: Any = HINT, *, secret: str = SECRET, age_s: int = 0, **given: Any) -> Any:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        stamp = int(time.time()) - age_s
        headers = {
            "Content-Type": "application/json",
            "X-HealBridge-Timestamp": str(stamp),
            "X-HealBridge-Signature": webhook.sign(secret, stamp, data),
        }
        changed = headers | given.pop("headers", {})
        sent = {name: value for name, value in changed.items() if value is not None}
        client = http("receive_document")
        return client.open(method=given.get("method", "POST"), data=data, headers=sent)

    return post


@pytest.fixture(name="refused")
def _refused(to: MemoryClients, capsys: pytest.CaptureFixture[str]) -> Refused:
    """
    Return a check of a refusal: status and code that the log has. The answer must name a problem
    of form, must not say what is wrong with a signature, and nothing may be announced.
    """

    def refused(answer: TestResponse) -> tuple[int, str]:
        assert to.bus.published == []
        assert to.memory_supabase.outbox.unsent()
        assert answer.content_type == "application/json"
        line = json.loads(capsys.readouterr().out.splitlines()[-1])
        body = answer.get_json()
        assert body.keys() == {"error", "message"}
        assert body["message"]
        secretive = answer.status_code == 401
        assert body["error"] == ("unauthorized" if secretive else line["code"])
        assert line["status"] == answer.status_code
        return answer.status_code, line["code"]

    return refused


def test_a_signed_hint_is_let_in(to: MemoryClients, post: Post) -> None:
    answer = post()
    assert (answer.status_code, answer.get_json()) == (200, {"announced": 1})
    assert len(to.bus.published) == 1


@pytest.mark.parametrize("live", [f"{SECRET},the next", f"the last, {SECRET}"])
def test_either_of_two_live_secrets_lets_in(
    post: Post, monkeypatch: pytest.MonkeyPatch, live: str
) -> None:
    monkeypatch.setenv("WEBHOOK_SECRET", live)
    assert post().status_code == 200


@pytest.mark.parametrize("live", [",", " , ", "one,two,three"])
def test_no_secret_or_more_than_two_is_our_mistake_and_lets_nobody_in(
    to: MemoryClients, post: Post, monkeypatch: pytest.MonkeyPatch, live: str
) -> None:
    monkeypatch.setenv("WEBHOOK_SECRET", live)
    assert post(secret="one").status_code == 503
    assert to.bus.published == []


def test_a_request_sent_again_within_its_time_announces_nothing_more(
    to: MemoryClients, post: Post
) -> None:
    answers = [post().get_json() for _ in range(3)]
    assert answers == [{"announced": 1}, {"announced": 0}, {"announced": 0}]
    assert len(to.bus.published) == 1


def test_a_retired_secret_lets_nobody_in(refused: Refused, post: Post) -> None:
    assert refused(post(secret="the last")) == (401, "signature")


@pytest.mark.parametrize("signature", ["", "v1=", "v1=00", "nonsense", "v1=\u00e9", None])
def test_a_missing_or_bad_signature_is_refused(
    refused: Refused, post: Post, signature: str | None
) -> None:
    answer = post(headers={"X-HealBridge-Signature": signature})
    assert refused(answer) == (401, "signature")


def test_a_signature_of_another_body_is_refused(refused: Refused, post: Post) -> None:
    stamp = int(time.time())
    other = webhook.sign(SECRET, stamp, b"{}")
    answer = post(headers={"X-HealBridge-Signature": other, "X-HealBridge-Timestamp": str(stamp)})
    assert refused(answer) == (401, "signature")


def test_a_signature_with_another_timestamp_is_refused(refused: Refused, post: Post) -> None:
    answer = post(headers={"X-HealBridge-Timestamp": str(int(time.time()) - 7)})
    assert refused(answer) == (401, "signature")


@pytest.mark.parametrize("age_s", [webhook.TOLERANCE_S + 5, -webhook.TOLERANCE_S - 5])
def test_an_old_or_future_request_is_refused(refused: Refused, post: Post, age_s: int) -> None:
    assert refused(post(age_s=age_s)) == (401, "timestamp")


@pytest.mark.parametrize("stamp", ["", "yesterday", "-1", "1e9", "9" * 13, "\u0663", None])
def test_a_timestamp_that_is_no_unix_time_is_refused(
    refused: Refused, post: Post, stamp: str | None
) -> None:
    answer = post(headers={"X-HealBridge-Timestamp": stamp})
    assert refused(answer) == (401, "timestamp")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_another_method_is_refused(refused: Refused, post: Post, method: str) -> None:
    assert refused(post(method=method)) == (405, "method_not_allowed")


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "", None])
def test_another_content_type_is_refused(refused: Refused, post: Post, kind: str | None) -> None:
    assert refused(post(headers={"Content-Type": kind})) == (415, "content_type")


@pytest.mark.parametrize("size", [webhook.MAX_BODY + 1, 10 * 1024 * 1024, 11 * 1024 * 1024])
def test_a_large_body_is_refused(refused: Refused, post: Post, size: int) -> None:
    assert refused(post(b" " * size)) == (413, "body_too_large")


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 60_000, b'{"type":}'])
def test_a_body_that_is_no_json_is_refused(refused: Refused, post: Post, body: bytes) -> None:
    assert refused(post(body)) == (400, "not_json")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ([HINT], "not_object"),
        ("INSERT", "not_object"),
        (None, "not_object"),
        (HINT | {"type": "TRUNCATE"}, "type"),
        (HINT | {"type": None}, "type"),
        (HINT | {"type": ["INSERT"]}, "type"),
        (HINT | {"schema": "auth"}, "schema"),
        (HINT | {"table": "users"}, "table"),
        (HINT | {"table": "documents; drop table documents"}, "table"),
        (HINT | {"ids": None}, "ids"),
        (HINT | {"ids": "d1"}, "ids"),
        (HINT | {"ids": [1]}, "ids"),
        ({}, "type"),
        (HINT | {"more": [[[[[[[[[1]]]]]]]]]}, "too_deep"),
    ],
)
def test_a_hint_that_breaks_the_form_is_told_which_field(
    refused: Refused, post: Post, body: Any, code: str
) -> None:
    assert refused(post(body)) == (422, code)


def test_a_refusal_repeats_nothing_of_what_was_sent(to: MemoryClients, post: Post) -> None:
    planted = "asha@example.com"
    for body in (HINT | {"table": planted}, HINT | {"type": planted}, f"{planted}".encode()):
        assert planted not in post(body).text


def test_without_a_secret_nobody_is_let_in_and_nothing_is_lost(
    to: MemoryClients, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WEBHOOK_SECRET")
    answer = post()
    assert (answer.status_code, answer.get_json()) == (
        503,
        {"error": "unavailable"},
    )
    assert to.bus.published == []
