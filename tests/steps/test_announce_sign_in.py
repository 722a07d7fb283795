"""A sign-in is announced, and never held up or refused by a fault of ours."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jwt
import pytest
from flask.testing import FlaskClient

from functions.users.announce_sign_in import announce_sign_in
from shared.errors import TransientError
from shared.events import Event, Ref
from shared.publisher import Publisher
from tests.memory.clients import MemoryClients
from tests.steps.conftest import Send

Hook = Callable[..., tuple[int, Any]]


@pytest.fixture(name="sign_in")
def _sign_in(
    to: MemoryClients, http: Callable[[str], FlaskClient], monkeypatch: pytest.MonkeyPatch
) -> Hook:
    """Post what the Auth emulator posts, whose tokens are unsigned; return status and answer."""
    monkeypatch.setenv("FIREBASE_AUTH_EMULATOR_HOST", "127.0.0.1:1")

    def sign_in(uid: str = "u1", body: Any = None) -> tuple[int, Any]:
        issuer = "https://securetoken.google.com/demo-test"
        token = jwt.encode({"sub": uid, "iss": issuer, "aud": "hook"}, "", "none")
        given = {"data": {"jwt": token}} if body is None else body
        answer = http("announce_sign_in").post("/", json=given)
        return answer.status_code, answer.get_json()

    return sign_in


def test_a_contact_changed_before_a_sign_in_reaches_core_and_the_mirror(
    to: MemoryClients, send: Send, sign_in: Hook
) -> None:
    to.firebase.sign_up("u1", email="old@example.com")
    send("user-changed", Ref("user", "u1"))
    to.firebase.sign_up("u1", email="new@example.com")
    assert sign_in() == (200, {})  # nothing is changed about the sign-in itself
    to.run()
    user = to.memory_core.user_by_uid("u1")
    assert user is not None
    assert user["email"] == "new@example.com"
    (auth,) = to.memory_supabase.auth_users.values()
    assert auth.email == "new@example.com"


@pytest.mark.parametrize("error", [TransientError("publish_failed"), RuntimeError("planted-text")])
def test_a_sign_in_that_cannot_be_announced_goes_on(
    to: MemoryClients, capsys: pytest.CaptureFixture[str], sign_in: Hook, error: Exception
) -> None:
    def refuse(moment: str, effect: str) -> None:
        raise error

    to.bus.hook = refuse
    assert sign_in("planted-uid") == (200, {})
    line = capsys.readouterr().out
    assert "not_announced" in line
    assert "planted" not in line


def test_a_sign_in_waits_a_second_at_most_for_the_bus(
    to: MemoryClients, monkeypatch: pytest.MonkeyPatch, sign_in: Hook
) -> None:
    waits: list[float] = []

    def publish(events: Sequence[Event], *, timeout_s: float = 10) -> None:
        del events
        waits.append(timeout_s)

    monkeypatch.setattr(to.bus, "publish", publish)
    sign_in()
    assert waits == [1.0]


def test_a_bus_that_nobody_answers_for_is_reported_and_not_retried_inside(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The real client would otherwise go on for ten minutes, whatever the timeout."""
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", "127.0.0.1:1")
    with pytest.raises(TransientError, match="publish_failed"):
        Publisher().publish([Event("user-changed", (Ref("user", "u1"),), "")], timeout_s=0.5)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ([], 400),
        ({"data": None}, 400),
        ({"data": {"jwt": 7}}, 400),
        ({"data": {"jwt": ""}}, 401),
        ({"data": {"jwt": "planted.planted.planted"}}, 401),
    ],
)
def test_a_request_that_is_not_firebases_is_refused_and_no_text_of_it_kept(
    to: MemoryClients, capsys: pytest.CaptureFixture[str], sign_in: Hook, body: Any, status: int
) -> None:
    assert sign_in(body=body)[0] == status
    assert to.bus.published == []
    assert "planted" not in "".join(capsys.readouterr())


def test_an_unsigned_token_is_nothing_outside_of_the_emulators(
    to: MemoryClients, sign_in: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIREBASE_KEYS_URL", "http://127.0.0.1:9/keys")
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "healbridge-live")
    assert sign_in() == (200, {})  # the keys cannot be had: our fault, so the sign-in goes on
    assert to.bus.published == []


def test_the_emulator_finds_the_hook_in_the_manifest() -> None:
    hook: Any = announce_sign_in
    event = "providers/cloud.auth/eventTypes/user.beforeSignIn"
    assert hook.__firebase_endpoint__.blockingTrigger["eventType"] == event
