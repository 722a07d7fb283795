"""A hint of the webhook wakes the relay: what is announced is what the outbox holds."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from flask.testing import FlaskClient

from shared.access import webhook
from shared.errors import TransientError
from shared.events import Ref
from tests.memory import faults
from tests.memory.clients import MemoryClients

Hint = Callable[..., tuple[int, Any]]


@pytest.fixture(name="hint")
def _hint(http: Callable[[str], FlaskClient], monkeypatch: pytest.MonkeyPatch) -> Hint:
    """Post a signed hint about some ids; return status and answer."""
    monkeypatch.setenv("WEBHOOK_SECRET", "secret")

    def hint(*ids: str, operation: str = "INSERT") -> tuple[int, Any]:
        hint = {"type": operation, "schema": "public", "table": "documents", "ids": ids}
        body, stamp = json.dumps(hint).encode(), int(time.time())
        answer = http("receive_document").post(
            data=body,
            headers={
                "Content-Type": "application/json",
                "X-HealBridge-Timestamp": str(stamp),
                "X-HealBridge-Signature": webhook.sign("secret", stamp, body),
            },
        )
        return answer.status_code, answer.get_json()

    return hint


def upload(to: MemoryClients, *numbers: int, **columns: Any) -> list[Ref]:
    to.memory_supabase.upload(
        *[{"id": str(UUID(int=n)), "patient_id": "u1"} | columns for n in numbers]
    )
    outbox = to.memory_supabase.outbox
    keys = [str(UUID(int=n)) for n in numbers]
    return [Ref("document", key, outbox.version("document", key)) for key in keys]


def test_uploads_are_announced_with_ids_and_versions_only(to: MemoryClients, hint: Hint) -> None:
    refs = upload(to, 1, 2, text="OCR text", type="LAB")
    assert hint(*[ref.key for ref in refs]) == (200, {"announced": 2})
    (event,) = to.bus.of("document-changed")
    assert set(event.refs) == set(refs)
    (_, data, _) = to.bus.messages[0]
    assert b"OCR" not in data


def test_a_repeated_hint_announces_nothing_more(to: MemoryClients, hint: Hint) -> None:
    upload(to, 1)
    assert [hint("x")[1]["announced"] for _ in range(3)] == [1, 0, 0]


def test_the_ids_of_a_hint_are_not_trusted(to: MemoryClients, hint: Hint) -> None:
    (ref,) = upload(to, 1)
    assert hint("somebody-elses-document") == (200, {"announced": 1})
    assert to.bus.of("document-changed")[0].refs == (ref,)


def test_a_hint_without_ids_announces_what_is_there(to: MemoryClients, hint: Hint) -> None:
    upload(to, *range(250))
    assert hint(operation="UPDATE") == (200, {"announced": 250})
    assert [len(event.refs) for event in to.bus.published] == [100, 100, 50]


def test_a_deletion_is_announced(to: MemoryClients, hint: Hint) -> None:
    (ref,) = upload(to, 1)
    hint(ref.key)
    to.memory_supabase.delete_document(ref.key)
    assert hint(ref.key, operation="DELETE") == (200, {"announced": 1})


def test_an_upload_whose_announcement_failed_is_announced_after_its_lease(
    to: MemoryClients, hint: Hint
) -> None:
    (ref,) = upload(to, 1)
    faults.fail(to.bus, "bus.publish document-changed", TransientError("publish_failed"))
    assert hint(ref.key) == (503, {"error": "unavailable"})
    assert hint(ref.key) == (200, {"announced": 0})
    to.memory_supabase.outbox.expire_leases()
    assert hint(ref.key) == (200, {"announced": 1})


def test_a_supabase_that_is_away_is_answered_503_and_the_log_says_why(
    to: MemoryClients, hint: Hint, capsys: pytest.CaptureFixture[str]
) -> None:
    away = TransientError("supabase_unreachable")
    faults.fail(to.memory_supabase, "supabase_outbox.claim", away)
    assert hint("x") == (503, {"error": "unavailable"})
    assert "supabase_unreachable" in capsys.readouterr().out
