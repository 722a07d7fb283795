"""Pushes to the stand-in of Cloud Messaging: what each answer means."""

from __future__ import annotations

from collections.abc import Generator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import pytest

from infra.local.processes import free_port
from shared.json_http import Answer
from shared.notices.push import Messaging, Push, Receipt
from shared.notices.receipts import receipt
from tests.contract.launcher import Launcher
from tests.memory.messaging import MemoryMessaging

TYPE = "type.googleapis.com/"
FCM_ERROR = f"{TYPE}google.firebase.fcm.v1.FcmError"
BAD_REQUEST = f"{TYPE}google.rpc.BadRequest"


class Endpoint:
    """The stand-in's own paths, which no real service has."""

    def __init__(self, url: str) -> None:
        self.url = url
        # No TLS context for loopback: making one costs 20 ms a client.
        self.http = httpx.Client(base_url=url, timeout=20, trust_env=False, verify=False)  # noqa: S501

    def shown(self) -> dict[str, Any]:
        return self.http.get("/__shown").raise_for_status().json()

    def fault(self, **fault: Any) -> None:
        body = {"path": "/v1/"} | fault
        self.http.post("/__fault", json=body).raise_for_status()

    def token(self, token: str, state: str) -> None:
        body = {"token": token, "state": state}
        self.http.put("/__token", json=body).raise_for_status()

    def reset(self) -> None:
        for path in ("__shown", "__fault"):
            self.http.delete(f"/{path}").raise_for_status()

    def send(
        self, body: Any, authorization: str = "Bearer any", project: str = "demo-test"
    ) -> httpx.Response:
        headers = {"Authorization": authorization}
        return self.http.post(f"/v1/projects/{project}/messages:send", json=body, headers=headers)


@pytest.fixture(scope="session", name="fcm_url")
def _fcm_url(launcher: Launcher) -> str:
    port = free_port()
    launcher.make("fcm", "--port", str(port), "--project", "demo-test").start()
    return f"http://127.0.0.1:{port}"


@pytest.fixture(name="fcm")
def _fcm(fcm_url: str) -> Generator[Endpoint]:
    endpoint = Endpoint(fcm_url)
    with endpoint.http:
        endpoint.reset()
        yield endpoint


@pytest.fixture(name="messaging")
def _messaging(fcm: Endpoint, monkeypatch: pytest.MonkeyPatch) -> Generator[Messaging]:
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", "127.0.0.1:1")  # an emulated project: no login
    monkeypatch.setenv("FCM_URL", fcm.url)
    client = Messaging()
    yield client
    client.close()


def test_a_push_says_nothing_and_carries_its_id_alone(fcm: Endpoint, messaging: Messaging) -> None:
    assert messaging.send([Push("n1", "t1")]) == [Receipt("taken")]
    notification = {"title": "HealBridge", "body": "You have a new message in the app."}
    shown = {"times": 1, "notification": notification, "data": {"notificationId": "n1"}}
    assert fcm.shown() == {"t1": {"n1": shown}}


class InMemory:
    """Devices in memory."""

    def __init__(self) -> None:
        self.messaging: Any = MemoryMessaging()

    def unregister(self, token: str) -> None:
        self.messaging.answers[token] = [Receipt("dead", "fcm_unregistered")]

    def times(self) -> dict[str, dict[str, int]]:
        return self.messaging.shown


class AtTheService:
    """Devices behind the service, in the words of InMemory."""

    def __init__(self, fcm: Endpoint, messaging: Messaging) -> None:
        self.messaging: Any = messaging
        self._fcm = fcm

    def unregister(self, token: str) -> None:
        self._fcm.token(token, "unregistered")

    def times(self) -> dict[str, dict[str, int]]:
        shown = self._fcm.shown().items()
        return {token: {tag: one["times"] for tag, one in tags.items()} for token, tags in shown}


Devices = InMemory | AtTheService


@pytest.fixture(name="devices", params=["memory", "service"])
def _devices(request: pytest.FixtureRequest) -> Devices:
    if request.param == "memory":
        return InMemory()
    return AtTheService(request.getfixturevalue("fcm"), request.getfixturevalue("messaging"))


def test_the_same_push_again_replaces_itself_on_the_device(devices: Devices) -> None:
    for _ in range(3):
        devices.messaging.send([Push("n1", "t1"), Push("n2", "t1")])
    assert devices.times() == {"t1": {"n1": 3, "n2": 3}}


def test_more_pushes_than_are_sent_at_once_are_answered_in_order(devices: Devices) -> None:
    devices.unregister("t107")
    receipts = devices.messaging.send([Push("n1", f"t{number}") for number in range(230)])
    assert [r.fate for r in receipts] == ["taken"] * 107 + ["dead"] + ["taken"] * 122
    assert len(devices.times()) == 229


@pytest.mark.parametrize(
    ("state", "code"),
    [
        ("unregistered", "fcm_unregistered"),
        ("mismatch", "fcm_sender_id_mismatch"),
        ("invalid", "fcm_token_invalid"),
    ],
)
def test_a_token_the_service_blames_is_dead(
    fcm: Endpoint, messaging: Messaging, state: str, code: str
) -> None:
    fcm.token("t1", state)
    assert messaging.send([Push("n1", "t1")]) == [Receipt("dead", code)]


def error(status: str, *details: dict[str, Any]) -> dict[str, Any]:
    return {"error": {"status": status, "message": "no t1 here", "details": list(details)}}


def fcm_error(code: str) -> dict[str, Any]:
    return {"@type": FCM_ERROR, "errorCode": code}


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (429, error("RESOURCE_EXHAUSTED", fcm_error("QUOTA_EXCEEDED")), ("later", "fcm_quota")),
        (429, error("RESOURCE_EXHAUSTED"), ("later", "fcm_quota")),
        (503, error("UNAVAILABLE", fcm_error("UNAVAILABLE")), ("later", "fcm_unavailable")),
        (504, error("DEADLINE_EXCEEDED"), ("later", "fcm_unavailable")),
        (500, error("INTERNAL", fcm_error("INTERNAL")), ("later", "fcm_internal")),
        (502, "no JSON of the API's", ("later", "fcm_internal")),
        (
            401,
            error("UNAUTHENTICATED", fcm_error("THIRD_PARTY_AUTH_ERROR")),
            ("later", "fcm_third_party_auth"),
        ),
        (401, error("UNAUTHENTICATED"), ("later", "fcm_misconfigured")),
        (403, error("PERMISSION_DENIED"), ("later", "fcm_misconfigured")),
        (404, error("NOT_FOUND"), ("later", "fcm_misconfigured")),
        (
            400,
            error("INVALID_ARGUMENT", fcm_error("INVALID_ARGUMENT"), {"@type": BAD_REQUEST}),
            ("refused", "fcm_refused_message"),
        ),
        (400, error("INVALID_ARGUMENT"), ("refused", "fcm_refused_message")),
    ],
)
def test_every_refusal_has_its_meaning_and_carries_no_text(
    fcm: Endpoint, messaging: Messaging, status: int, body: Any, expected: tuple[str, str]
) -> None:
    fcm.fault(status=status, body=body, count=10)
    [receipt] = messaging.send([Push("n1", "t1")])
    assert (receipt.fate, receipt.code) == expected
    assert fcm.shown() == {}


def test_nothing_is_sent_again_by_itself(fcm: Endpoint, messaging: Messaging) -> None:
    fcm.fault(status=503, count=1)
    assert messaging.send([Push("n1", "t1")])[0].fate == "later"
    assert messaging.send([Push("n1", "t1")]) == [Receipt("taken")]
    assert fcm.shown()["t1"]["n1"]["times"] == 1


def test_a_push_that_was_taken_although_the_answer_was_503_is_shown_once(
    fcm: Endpoint, messaging: Messaging
) -> None:
    fcm.fault(status=503, when="after")
    assert messaging.send([Push("n1", "t1")])[0].fate == "later"
    assert messaging.send([Push("n1", "t1")]) == [Receipt("taken")]
    assert list(fcm.shown()["t1"]) == ["n1"]


def test_retry_after_is_handed_on_as_seconds(fcm: Endpoint, messaging: Messaging) -> None:
    fcm.fault(status=429, retry_after=17)
    assert messaging.send([Push("n1", "t1")])[0].retry_after == 17


@pytest.mark.parametrize(
    ("given", "least", "most"),
    [
        (format_datetime(datetime.now(UTC) + timedelta(hours=1)), 3000, 3600),
        (format_datetime(datetime.now(UTC) - timedelta(hours=1)), 0, 0),
        ("soon", None, None),
        ("nan", None, None),
        ("inf", None, None),
        ("-1", 0, 0),
    ],
)
def test_retry_after_may_be_a_date_and_nonsense_is_none(
    given: str, least: float | None, most: float | None
) -> None:
    wait = receipt(Answer(429, {"Retry-After": given}, b"")).retry_after
    if least is None or most is None:
        assert wait is None
    else:
        assert wait is not None
        assert least <= wait <= most


@pytest.mark.parametrize("status", [0, 503])
def test_one_that_fails_does_not_fail_its_neighbours(
    fcm: Endpoint, messaging: Messaging, status: int
) -> None:
    fcm.fault(status=status)
    receipts = messaging.send([Push("n1", "t1"), Push("n1", "t2")])
    assert sorted((r.fate, r.code) for r in receipts) == [
        ("later", "fcm_unavailable"),
        ("taken", None),
    ]


def test_an_endpoint_that_is_away_is_tried_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", "127.0.0.1:1")
    monkeypatch.setenv("FCM_URL", f"http://127.0.0.1:{free_port()}")
    messaging = Messaging()
    assert messaging.send([Push("n1", "t1")]) == [Receipt("later", "fcm_unavailable")]
    messaging.close()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "message.token"),
        ({"message": {"token": ""}}, "message.token"),
        ({"message": {"token": "t", "extra": 1}}, "message.extra"),
        ({"message": {"token": "t", "data": {"n": 1}}}, "message.data"),
        ({"message": {"token": "t", "data": {"n": "x" * 5000}}}, "message"),
        (
            {"message": {"token": "t", "apns": {"headers": {"apns-collapse-id": "x" * 65}}}},
            "message.apns.headers",
        ),
    ],
)
def test_the_stand_in_refuses_a_message_that_breaks_a_rule_and_names_the_field(
    fcm: Endpoint, body: Any, field: str
) -> None:
    answer = fcm.send(body)
    details = answer.json()["error"]["details"]
    assert answer.status_code == 400
    assert [d["@type"] for d in details] == [FCM_ERROR, BAD_REQUEST]
    assert [v["field"] for v in details[1]["fieldViolations"]] == [field]
    assert fcm.shown() == {}


def test_the_stand_in_wants_a_bearer_token_and_its_own_project(fcm: Endpoint) -> None:
    assert fcm.send({"message": {"token": "t"}}, "Basic any").status_code == 401
    assert fcm.send({"message": {"token": "t"}}, project="another").status_code == 404


def test_the_stand_in_shows_messages_without_a_collapse_id_side_by_side(fcm: Endpoint) -> None:
    for _ in range(2):
        assert fcm.send({"message": {"token": "t"}}).status_code == 200
    assert len(fcm.shown()["t"]) == 2
