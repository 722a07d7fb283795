"""What Pub/Sub gives up is parked in the step that gave up, with the last reason."""

from __future__ import annotations

import base64
import json

import pytest

from shared.errors import TransientError
from shared.events import Ref
from tests.memory import faults
from tests.memory.clients import MemoryClients
from tests.memory.core_ledger import LedgerRow
from tests.steps.conftest import Send

SOURCE = "CloudPubSubDeadLetterSourceSubscription"


def letter(to: MemoryClients, subscription: str, *refs: Ref) -> None:
    """Deliver a dead letter as Pub/Sub forwards it."""
    data = {"refs": [{"kind": r.kind, "key": r.key, "version": r.version} for r in refs]}
    to.bus.accept("dead-letter", json.dumps(data).encode(), {SOURCE: subscription})
    to.run()


def standing(to: MemoryClients, key: str, step: str = "mirror_user") -> LedgerRow:
    return to.memory_core.ledger_rows["user", key, step]


def test_a_step_that_fails_for_good_is_parked_with_its_last_reason(
    to: MemoryClients, send: Send
) -> None:
    to.memory_core.put_user("id1", firebase_uid="u1", email="asha@example.com")
    reasons = iter(["supabase_unreachable"] * 19 + ["supabase_over_request_rate_limit"])

    def refuse() -> None:
        raise TransientError(next(reasons))

    faults.at(to.memory_supabase, "supabase_users.find", refuse, moment="before", times=20)
    send("user-stored", Ref("user", "u1", 1))
    row = standing(to, "u1")
    assert (row.state, row.error_code) == ("parked", "supabase_over_request_rate_limit")
    assert len(to.bus.refusals) == 20
    assert to.bus.pending == []


def test_a_parked_entity_is_done_when_its_event_comes_again(to: MemoryClients, send: Send) -> None:
    to.memory_core.put_user("id1", firebase_uid="u1", email="asha@example.com")
    letter(to, "mirror-user", Ref("user", "u1", 1))
    assert standing(to, "u1").state == "parked"
    send("user-stored", Ref("user", "u1", 1))
    assert (standing(to, "u1").state, standing(to, "u1").attempts) == ("done", 0)


def test_an_entity_without_a_recorded_reason_is_parked_as_exhausted(to: MemoryClients) -> None:
    letter(to, "mirror-user", Ref("user", "u1", 5), Ref("user", "u2", 6))
    assert [standing(to, key).error_code for key in ("u1", "u2")] == ["attempts_exhausted"] * 2


def test_a_write_that_could_not_be_passed_on_is_parked_although_it_is_newer_than_its_event(
    to: MemoryClients, send: Send
) -> None:
    to.memory_core.put_user("id1", firebase_uid="u1", email="asha@example.com")
    to.memory_core.put_user("id1", role="DOCTOR")
    away = TransientError("publish_failed")
    faults.fail(to.bus, "bus.publish user-mirrored", away, times=20)
    send("user-stored", Ref("user", "u1", 1))
    row = standing(to, "u1")
    assert (row.state, row.source_version, row.error_code) == ("parked", 2, "attempts_exhausted")


def test_a_dead_letter_delivered_twice_parks_once(to: MemoryClients) -> None:
    for _ in range(2):
        letter(to, "mirror-user", Ref("user", "u1", 5))
    assert standing(to, "u1").state == "parked"
    assert [step for _, _, step in to.memory_core.ledger_rows] == [
        "mirror_user",
        "park_dead_letter",
    ]


@pytest.mark.parametrize("subscription", ["", "no-such-step", "mirror_user; drop table"])
def test_a_dead_letter_of_no_known_step_is_parked_here_for_a_person(
    to: MemoryClients, subscription: str
) -> None:
    letter(to, subscription, Ref("user", "u1", 5))
    row = standing(to, "u1", "park_dead_letter")
    assert (row.state, row.error_code) == ("parked", "dead_letter_without_step")
    assert to.bus.refusals == []


def test_an_unreadable_dead_letter_is_parked_and_acknowledged(to: MemoryClients) -> None:
    to.bus.accept("dead-letter", b"not json", {SOURCE: "mirror-user"})
    to.run()
    ((_, key, step),) = to.memory_core.ledger_rows
    assert (key, step) == ("1", "park_dead_letter")
    assert to.bus.refusals == []


def test_parking_waits_for_a_core_that_is_away(to: MemoryClients) -> None:
    away = TransientError("core_unreachable")
    faults.fail(to.memory_core, "ledger.last_codes", away, times=30)
    letter(to, "mirror-user", Ref("user", "u1", 5))
    assert to.bus.refusals == [("park_dead_letter", "core_unreachable")] * 30
    assert standing(to, "u1").state == "parked"
    assert standing(to, "u1", "park_dead_letter").state == "done"  # its own refusals are over


def test_a_dead_letter_carries_ids_and_no_reason_text(to: MemoryClients, send: Send) -> None:
    to.memory_core.put_user("id1", firebase_uid="u1", email="asha@example.com")
    away = TransientError("supabase_unreachable")
    faults.fail(to.memory_supabase, "supabase_users.find", away, times=20)
    send("user-stored", Ref("user", "u1", 1))
    topic, data, attributes = to.bus.messages[-1]
    assert topic == "dead-letter"
    assert json.loads(data) == {"refs": [{"kind": "user", "key": "u1", "version": 1}]}
    assert "asha" not in base64.b64encode(data).decode() + json.dumps(attributes)
