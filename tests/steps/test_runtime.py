"""A step's entry point over HTTP, as functions-framework serves it: answers, logs, survival."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from shared.errors import TransientError
from shared.events import Event, Ref, encode, new_traceparent
from shared.outcomes import Outcome
from shared.runner import Batch
from tests.memory import faults
from tests.memory.bus import Delivery
from tests.memory.clients import MemoryClients

Push = Callable[..., TestResponse]
PHONE = "+919876543210"


@pytest.fixture(name="push")
def _push(http: Callable[[str], FlaskClient]) -> Push:
    """Push a message to store_user: refs, or any data."""

    def push(*refs: Ref, data: bytes | None = None, body: bytes | None = None) -> TestResponse:
        encoded, attributes = encode(Event("user-changed", refs, new_traceparent()))
        delivery = Delivery("store_user", "12", encoded if data is None else data, attributes)
        return http("store_user").post(
            data=delivery.body() if body is None else body, content_type="application/json"
        )

    return push


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_delivery_is_acknowledged_with_204_and_logged_in_counts(
    to: MemoryClients, push: Push, capsys: pytest.CaptureFixture[str]
) -> None:
    to.firebase.sign_up("u1", phone=PHONE)
    answer = push(Ref("user", "u1"), Ref("user", "u2"))
    assert (answer.status_code, answer.data) == (204, b"")
    (line,) = lines(capsys)
    assert line.pop("ms") >= 0
    trace = to.bus.published[0].trace_id
    assert line.pop("logging.googleapis.com/trace") == f"projects/demo-test/traces/{trace}"
    assert line.pop("logging.googleapis.com/spanId")
    assert line == {
        "severity": "INFO",
        "message": "delivered",
        "step": "store_user",
        "count": 2,
        "done": 1,
        "gone": 1,
    }


def test_a_refusal_is_503_and_a_named_time_is_429_with_retry_after(
    to: MemoryClients, push: Push
) -> None:
    faults.fail(to.firebase, "accounts.read", TransientError("firebase_unavailable"))
    answer = push(Ref("user", "u1"))
    assert (answer.status_code, answer.get_json()) == (503, {"error": "firebase_unavailable"})
    faults.fail(to.firebase, "accounts.read", TransientError("firebase_quota", retry_after=6.6))
    answer = push(Ref("user", "u1"))
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "7")


@pytest.mark.parametrize(
    "error",
    [
        TypeError(PHONE),
        ValueError(),
        KeyError(PHONE),
        SystemExit(0),
        RecursionError(),
        MemoryError(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_whatever_a_step_raises_is_a_500_and_the_host_serves_the_next(
    to: MemoryClients, push: Push, capsys: pytest.CaptureFixture[str], error: BaseException
) -> None:
    to.firebase.sign_up("u1", phone=PHONE)
    faults.fail(to.firebase, "accounts.read", error)
    answer = push(Ref("user", "u1"))
    code = f"unknown_{type(error).__name__.lower()}"
    assert (answer.status_code, answer.get_json()) == (500, {"error": code})
    (line,) = lines(capsys)
    assert (line["severity"], line["message"], line["code"]) == ("ERROR", "refused", code)
    assert re.fullmatch(r"functions\.users\.store_user:\d+", line["at"])
    assert line["logging.googleapis.com/trace"]
    assert push(Ref("user", "u1")).status_code == 204


def test_an_unknown_error_of_some_is_logged_by_class_and_place_and_by_nothing_else(
    to: MemoryClients, push: Push, capsys: pytest.CaptureFixture[str]
) -> None:
    to.firebase.sign_up("u1", phone=PHONE)
    to.firebase.sign_up("u2", phone="+919876543211")
    write = to.core_users.store

    def store(batch: Batch, accounts: Any, version: int) -> list[Outcome]:
        if any(account.uid == "u2" for account, _, _ in accounts):
            raise LookupError(PHONE)
        return write(batch, accounts, version)

    vars(to)["core_users"].store = store
    assert push(Ref("user", "u1"), Ref("user", "u2")).status_code == 204
    unknown, delivered = lines(capsys)
    assert unknown["code"] == "unknown_lookuperror"
    assert re.fullmatch(r"functions\.users\.store_user:\d+", unknown["at"])
    assert (delivered["done"], delivered["retrying"]) == (1, 1)


@pytest.mark.parametrize("error", [TypeError(PHONE), SystemExit(1), MemoryError()])
def test_whatever_the_bus_raises_is_a_500_and_the_host_serves_the_next(
    to: MemoryClients, push: Push, error: BaseException
) -> None:
    to.firebase.sign_up("u1", phone=PHONE)
    faults.fail(to.bus, "bus.publish user-stored", error)
    assert push(Ref("user", "u1")).status_code == 500
    assert push(Ref("user", "u1")).status_code == 204
    assert len(to.bus.of("user-stored")) == 1


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"body": b"{"}, "message_not_json"),
        ({"body": b"{}"}, "message_not_wrapped"),
        ({"data": b"not json"}, "event_not_json"),
        ({"data": b"{}"}, "event_without_refs"),
        ({"data": b'{"refs": [{"kind": "user", "key": ""}]}'}, "event_ref_key"),
    ],
)
def test_a_message_that_cannot_be_read_is_parked_and_acknowledged(
    to: MemoryClients,
    push: Push,
    capsys: pytest.CaptureFixture[str],
    given: dict[str, bytes],
    code: str,
) -> None:
    assert push(**given).status_code == 204
    ((at, row),) = to.memory_core.ledger_rows.items()
    assert at == ("message", "12" if "data" in given else "unknown", "store_user")
    assert (row.state, row.error_code) == ("parked", code)
    assert lines(capsys)[0]["code"] == code


def test_a_message_that_cannot_be_read_nor_parked_comes_again(
    to: MemoryClients, push: Push
) -> None:
    faults.fail(to.memory_core, "ledger.record", TransientError("core_unreachable"))
    assert push(body=b"{").status_code == 503
    assert push(body=b"{").status_code == 204


def test_a_missing_setting_loses_no_message_and_is_named(
    to: MemoryClients, push: Push, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ID_NAMESPACE")
    answer = push(Ref("user", "u1"))
    assert (answer.status_code, answer.get_json()) == (
        503,
        {"error": "setting_missing_id_namespace"},
    )


def test_no_answer_and_no_line_holds_a_contact_or_a_uid(
    to: MemoryClients, push: Push, capsys: pytest.CaptureFixture[str]
) -> None:
    to.firebase.sign_up("uid-of-asha", phone=PHONE, email="asha@example.com")
    answers = [push(Ref("user", "uid-of-asha"))]
    for error in (TypeError(PHONE), TransientError("core_unreachable")):
        faults.fail(to.memory_core, "core_users.store", error)
        answers.append(push(Ref("user", "uid-of-asha")))
    seen = capsys.readouterr().out + "".join(answer.text for answer in answers)
    assert "asha" not in seen
    assert PHONE[1:] not in seen
