"""
Pushes are sent as by the Admin SDK: both send to one server, and what arrives is the same; both are
given one answer, and what is read from it is the same.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Generator
from itertools import product
from typing import Any, cast

import firebase_admin
import pytest
from firebase_admin import exceptions, messaging

from infra.local.loopback import Request, Response
from shared import google_account
from shared.notices import push
from shared.notices.push import Messaging, Push, Receipt
from tests.contract.firebase_admin_app import official
from tests.contract.recording import Server, recording
from tests.contract.serving import served

PUSHES = [Push("5a1f0c6e-0d5b-5b52-9a4e-0f6f5f4c2b11", "t:1-_"), Push("n2", 'रोगी "two"\n\\')]
FCM_ERROR = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
BAD_REQUEST = "type.googleapis.com/google.rpc.BadRequest"


@pytest.fixture(name="server")
def _server(monkeypatch: pytest.MonkeyPatch) -> Generator[Server]:
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", "127.0.0.1:1")  # an emulated project: no login
    with recording() as server:
        monkeypatch.setenv("FCM_URL", server.url)
        yield server


@pytest.fixture(name="ours")
def _ours(server: Server) -> Generator[Messaging]:
    client = Messaging()
    yield client
    client.close()


@pytest.fixture(name="app")
def _app(server: Server) -> Generator[firebase_admin.App]:
    with official(server.url) as app:
        yield app


def _message(given: Push) -> messaging.Message:
    with warnings.catch_warnings():
        # Profiles hold registration tokens; `fid`, which is to replace them, is another identifier.
        warnings.filterwarnings("ignore", "Message.token is deprecated", DeprecationWarning)
        return messaging.Message(
            token=given.token,
            notification=messaging.Notification("HealBridge", "You have a new message in the app."),
            data={"notificationId": given.id},
            android=messaging.AndroidConfig(
                collapse_key=given.id, notification=messaging.AndroidNotification(tag=given.id)
            ),
            apns=messaging.APNSConfig(headers={"apns-collapse-id": given.id}),
        )


def sent(app: firebase_admin.App, given: Push) -> messaging.SendResponse:
    [answer] = messaging.send_each([_message(given)], app=app).responses
    return answer


@pytest.mark.parametrize("given", PUSHES, ids=["plain", "odd"])
def test_a_push_is_sent_in_the_same_way(
    server: Server, ours: Messaging, app: firebase_admin.App, given: Push
) -> None:
    server.says(200, {"name": "projects/demo-test/messages/1"})
    assert sent(app, given).success
    assert ours.send([given]) == [Receipt("taken")]
    expected, found = server.meanings()
    assert found == expected


def test_cloud_messaging_is_where_the_package_finds_it(
    server: Server, ours: Messaging, app: firebase_admin.App
) -> None:
    server.says(200, {"name": "any"})
    ours.send([PUSHES[0]])
    theirs = messaging._get_messaging_service(app).FCM_URL.format("demo-test")
    assert push._URL + server.requests[0].path == theirs


def details(*codes: Any) -> list[dict[str, Any]]:
    return [{"@type": FCM_ERROR, "errorCode": code} for code in codes]


def violations(*fields: Any) -> dict[str, Any]:
    named = [{"field": name, "description": "any"} for name in fields]
    return {"@type": BAD_REQUEST, "fieldViolations": named}


FIELDS = [
    (), ("message.token",), ("message.token", "message.data"), ("message.data[0].value",), (None,),
]  # fmt: skip
WORDS = [
    "UNREGISTERED", "SENDER_ID_MISMATCH", "QUOTA_EXCEEDED", "THIRD_PARTY_AUTH_ERROR",
    "APNS_AUTH_ERROR", "INVALID_ARGUMENT", "UNAVAILABLE", "INTERNAL", "NEW", None,
]  # fmt: skip
KINDS = [
    "INVALID_ARGUMENT", "NOT_FOUND", "PERMISSION_DENIED", "UNAUTHENTICATED", "RESOURCE_EXHAUSTED",
    "UNAVAILABLE", "DEADLINE_EXCEEDED", "INTERNAL", "UNKNOWN", "NEW", "", None,
]  # fmt: skip
DETAILS: list[list[Any]] = [
    [],
    *(details(word) for word in WORDS),
    details("INTERNAL", "UNREGISTERED"),
    [{"@type": BAD_REQUEST}, *details("UNREGISTERED")],
    [{"@type": BAD_REQUEST}, *details("INVALID_ARGUMENT")],
    [{"@type": "type.googleapis.com/google.rpc.ErrorInfo"}, *details("INVALID_ARGUMENT")],
    [{"@type": BAD_REQUEST}],
    *([violations(*fields), *details("INVALID_ARGUMENT")] for fields in FIELDS),
    [*details("INVALID_ARGUMENT"), violations("message.token")],
    [violations("message.token")],
    [violations("message.token"), violations("message.data")],
    [{"@type": BAD_REQUEST, "fieldViolations": "message.token"}],
    [{"@type": BAD_REQUEST, "fieldViolations": ["message.token"]}],
    [{"errorCode": "UNREGISTERED"}, *details("INVALID_ARGUMENT")],
]
BODIES: list[Any] = [
    *({"error": {"status": kind, "details": more}} for kind, more in product(KINDS, DETAILS)),
    {"error": {"message": "no more"}}, {"error": {}}, {}, [], "<html>", "", "[",
]  # fmt: skip


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 412, 418, 429, 500, 502, 503, 504])
def test_refusals_are_read_in_the_same_way(
    server: Server, ours: Messaging, app: firebase_admin.App, status: int
) -> None:
    service: Any = messaging._get_messaging_service(app)
    for body in BODIES:
        server.says(status, body, {"Retry-After": "7"})
        with pytest.raises(exceptions.FirebaseError) as raised:
            service.send(_message(PUSHES[0]))
        assert ours.send([PUSHES[0]]) == [as_ours(raised.value)], body


def as_ours(error: exceptions.FirebaseError) -> Receipt:
    """Return what the package's error means to us."""
    match error:
        case messaging.UnregisteredError():
            return Receipt("dead", "fcm_unregistered")
        case messaging.SenderIdMismatchError():
            return Receipt("dead", "fcm_sender_id_mismatch")
        case exceptions.InvalidArgumentError() if _blames_token(error):
            return Receipt("dead", "fcm_token_invalid")
        case exceptions.InvalidArgumentError():
            return Receipt("refused", "fcm_refused_message")
        case _:
            return Receipt("later", _later_code(error), 7)


def _blames_token(error: exceptions.FirebaseError) -> bool:
    try:
        found = cast("Any", error.http_response).json()["error"]["details"]
        kinds = {detail["@type"] for detail in found}
        if BAD_REQUEST in kinds:
            all_of_them = [d["fieldViolations"] for d in found if d["@type"] == BAD_REQUEST]
            fields = [violation["field"] for given in all_of_them for violation in given]
            return bool(fields) and set(fields) == {"message.token"}
    except (AttributeError, KeyError, TypeError, ValueError):
        return False
    return FCM_ERROR in kinds


def _later_code(error: exceptions.FirebaseError) -> str:
    match error:
        case messaging.ThirdPartyAuthError():
            return "fcm_third_party_auth"
        case exceptions.ResourceExhaustedError():
            return "fcm_quota"
        case (
            exceptions.UnauthenticatedError()
            | exceptions.PermissionDeniedError()
            | exceptions.NotFoundError()
        ):
            return "fcm_misconfigured"
        case exceptions.UnavailableError() | exceptions.DeadlineExceededError():
            return "fcm_unavailable"
        case _:
            return "fcm_internal"


@pytest.mark.parametrize("status", [401, 500, 503])
def test_nothing_is_sent_twice(server: Server, ours: Messaging, status: int) -> None:
    server.says(status, "")
    assert ours.send(PUSHES[:1])[0].fate == "later"
    assert len(server.requests) == 1


def test_a_hundred_are_under_way_at_once_and_their_connections_are_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    together = threading.Barrier(100)

    def answer(_request: Request) -> Response:
        together.wait(60)
        return Response(200, b'{"name": "any"}')

    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", "127.0.0.1:1")
    with served(answer) as host:
        monkeypatch.setenv("FCM_URL", f"http://{host}")
        ours = Messaging()
        receipts = ours.send([Push("n1", f"t{number}") for number in range(300)])
        assert receipts == [Receipt("taken")] * 300
        assert cast("Any", ours._http._pool).num_connections == 100
        ours.close()


def test_half_a_character_is_no_token_and_its_neighbour_is_sent(
    server: Server, ours: Messaging
) -> None:
    server.says(200, {"name": "any"})
    receipts = ours.send([Push("n1", "\ud800"), Push("n1", "t1")])
    assert receipts == [Receipt("dead", "fcm_token_invalid"), Receipt("taken")]
    assert len(server.requests) == 1


def test_without_an_account_of_our_own_pushes_are_sent_later(
    server: Server, ours: Messaging, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FIRESTORE_EMULATOR_HOST")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere/account.json")
    google_account._account.cache_clear()
    assert ours.send(PUSHES) == [Receipt("later", "fcm_unreachable")] * 2
    assert server.requests == []


# As FCM's own answers were taken down: with and without a second detail that names the token.
@pytest.mark.parametrize("first", [True, False])
def test_a_token_that_is_named_as_what_is_wrong_is_dead(
    server: Server, ours: Messaging, *, first: bool
) -> None:
    both = [*details("INVALID_ARGUMENT"), violations("message.token")]
    error = {
        "code": 400, "message": "any", "status": "INVALID_ARGUMENT",
        "details": both if first else both[::-1],
    }  # fmt: skip
    server.says(400, {"error": error})
    assert ours.send(PUSHES[:1]) == [Receipt("dead", "fcm_token_invalid")]
