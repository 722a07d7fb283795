"""A sign-in is announced, and never held up or refused by a fault of ours."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from functions.users.announce_sign_in import announce_sign_in
from shared import clients
from shared.errors import TransientError
from shared.events import Event, Ref
from shared.publisher import Publisher
from tests.memory.clients import MemoryClients
from tests.steps.conftest import Send


def sign_in(uid: str = "u1") -> Any:
    """Run the hook as the SDK does once it has verified the request."""
    hook: Any = announce_sign_in
    return hook.__wrapped__(SimpleNamespace(data=SimpleNamespace(uid=uid)))


@pytest.fixture(autouse=True)
def _deployment(to: MemoryClients, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "_current", to)


def test_a_contact_changed_before_a_sign_in_reaches_core_and_the_mirror(
    to: MemoryClients, send: Send
) -> None:
    to.firebase.sign_up("u1", email="old@example.com")
    send("user-changed", Ref("user", "u1"))
    to.firebase.sign_up("u1", email="new@example.com")
    assert sign_in() is None  # nothing is changed about the sign-in itself
    to.run()
    user = to.memory_core.user_by_uid("u1")
    assert user is not None
    assert user["email"] == "new@example.com"
    (auth,) = to.memory_supabase.auth_users.values()
    assert auth.email == "new@example.com"


@pytest.mark.parametrize("error", [TransientError("publish_failed"), RuntimeError("planted-text")])
def test_a_sign_in_that_cannot_be_announced_goes_on(
    to: MemoryClients, capsys: pytest.CaptureFixture[str], error: Exception
) -> None:
    def refuse(moment: str, effect: str) -> None:
        raise error

    to.bus.hook = refuse
    assert sign_in("planted-uid") is None
    line = capsys.readouterr().out
    assert "not_announced" in line
    assert "planted" not in line


def test_a_sign_in_waits_a_second_at_most_for_the_bus(
    to: MemoryClients, monkeypatch: pytest.MonkeyPatch
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
