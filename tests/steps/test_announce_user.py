"""A Firebase sign-up announces its uid, and nothing else of the person."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cloudevents.http import CloudEvent

from functions.users.announce_user import announce_user
from shared import clients, firebase_triggers, log
from shared.errors import TransientError
from shared.events import Ref
from tests.memory import faults
from tests.memory.clients import MemoryClients

USER = {"uid": "u1", "email": "asha@example.com", "phoneNumber": "+919876543210"}


@pytest.fixture(autouse=True)
def _deployed(to: MemoryClients, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "_current", to)


def event(data: Any) -> CloudEvent:
    kind = "google.firebase.auth.user.v2.created"
    return CloudEvent({"type": kind, "source": "//firebaseauth.googleapis.com/projects/p"}, data)


@pytest.mark.parametrize("data", [{"value": USER}, {"oldValue": USER}, USER])
def test_the_uid_is_announced_in_every_generation_of_the_event(
    to: MemoryClients, data: Any
) -> None:
    announce_user(event(data))
    (announced,) = to.bus.of("user-changed")
    assert announced.refs == (Ref("user", "u1"),)


def test_nothing_but_the_uid_is_announced_or_logged(
    to: MemoryClients, capsys: pytest.CaptureFixture[str]
) -> None:
    announce_user(event({"value": USER}))
    ((_, data, attributes),) = to.bus.messages
    assert json.loads(data) == {"refs": [{"kind": "user", "key": "u1", "version": 0}]}
    written = json.loads(capsys.readouterr().out)
    trace = written.pop("logging.googleapis.com/trace")
    assert trace.endswith(attributes["traceparent"][3:35])
    assert written.pop("logging.googleapis.com/spanId")
    assert written == {
        "severity": "INFO",
        "message": "announced",
        "step": "announce_user",
        "count": 1,
        "fingerprint": log.fingerprint("u1"),
    }
    assert attributes.keys() == {"traceparent"}


@pytest.mark.parametrize(
    ("data", "code"),
    [
        *[(bad, "auth_event_without_uid") for bad in (None, {}, {"value": {}}, {"uid": 7}, [])],
        ({"value": {"uid": ""}}, "auth_event_without_uid"),
        ({"uid": "u" * 129}, "event_ref_key"),
        ({"uid": "two words"}, "event_ref_key"),
    ],
)
def test_an_event_without_a_uid_is_named_in_the_log_and_not_asked_for_again(
    to: MemoryClients, capsys: pytest.CaptureFixture[str], data: Any, code: str
) -> None:
    announce_user(event(data))
    assert to.bus.published == []
    line = json.loads(capsys.readouterr().out)
    assert (line["severity"], line["message"], line["code"]) == ("ERROR", "unreadable", code)


def test_an_unexpected_error_leaves_without_its_text(to: MemoryClients) -> None:
    faults.fail(to.bus, "bus.publish user-changed", RuntimeError("asha@example.com"))
    with pytest.raises(TransientError, match=r"^unknown_runtimeerror$") as raised:
        announce_user(event({"value": USER}))
    assert raised.value.__suppress_context__


def test_a_failed_publication_is_raised_to_the_trigger(to: MemoryClients) -> None:
    faults.fail(to.bus, "bus.publish user-changed", TransientError("publish_failed"))
    with pytest.raises(TransientError, match="publish_failed"):
        announce_user(event({"value": USER}))


def test_without_the_key_of_fingerprints_nothing_is_announced_and_the_event_comes_again(
    to: MemoryClients, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FINGERPRINT_KEY")
    with pytest.raises(TransientError, match="FINGERPRINT_KEY is missing"):
        announce_user(event({"value": USER}))
    assert to.bus.published == []


def test_the_emulator_finds_the_trigger_in_the_manifest() -> None:
    endpoint = announce_user.__firebase_endpoint__  # pyright: ignore[reportFunctionMemberAccess]
    assert endpoint.entryPoint == "announce_user"
    assert endpoint.eventTrigger["eventType"] == "google.firebase.auth.user.v2.created"
    assert firebase_triggers.user_of(event(USER)) == "u1"
