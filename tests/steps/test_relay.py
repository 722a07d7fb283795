"""The relays: poison holds nobody up and is on record, sent deletions are forgotten."""

from __future__ import annotations

from typing import Any

import pytest

from shared import catalog
from shared.errors import TransientError
from shared.events import MAX_BYTES, Event, Ref, encode, new_traceparent
from shared.publisher import _TIMEOUT_S
from shared.relay import LEASE_S, drain, sweep
from tests.memory.clients import MemoryClients

TOPICS = {"user": "user-stored"}


def relay(to: MemoryClients) -> dict[str, int]:
    record = to.ledger.record
    return sweep("relay_core_outbox", "core", to.core_outbox, to.publish, record, budget_s=5)


def note(to: MemoryClients, kind: str, key: str, **how: Any) -> None:
    to.memory_core.outbox.note(kind, key, to.memory_core.next_version(), **how)


def announced(to: MemoryClients) -> list[str]:
    return [ref.key for event in to.bus.published for ref in event.refs]


def test_a_kind_without_topic_and_an_unusable_key_are_parked_and_the_rest_is_announced(
    to: MemoryClients,
) -> None:
    note(to, "user", "u1")
    note(to, "invoice", "i1")
    note(to, "user", "two words")
    note(to, "user", "x" * 129)
    assert relay(to) == {"announced": 1}
    assert announced(to) == ["u1"]
    reasons = {key[1]: row.error_code for key, row in to.memory_core.ledger_rows.items()}
    assert reasons == {
        "i1": "kind_without_topic",
        "two words": "event_ref_key",
        "x" * 129: "event_ref_key",
    }
    assert to.memory_core.outbox.unsent() == {}


def test_a_parked_row_is_judged_anew_when_it_changes(to: MemoryClients) -> None:
    note(to, "invoice", "i1")
    relay(to)
    note(to, "invoice", "i1")
    relay(to)
    assert to.memory_core.ledger_rows["invoice", "i1", "relay_core_outbox"].attempts == 2


def test_more_poison_than_a_claim_holds_does_not_keep_the_rest_waiting(to: MemoryClients) -> None:
    for number in range(1500):
        note(to, "invoice", f"i{number}")
    note(to, "user", "u1")
    assert relay(to)["announced"] == 1


def test_a_relay_that_cannot_record_leaves_poison_to_one_that_can(to: MemoryClients) -> None:
    note(to, "invoice", "i1")
    assert drain(to.core_outbox, to.publish, TOPICS, budget_s=5) == 0
    assert list(to.memory_core.outbox.unsent()) == [("invoice", "i1")]


def test_what_could_not_be_published_is_announced_after_the_lease(to: MemoryClients) -> None:
    note(to, "user", "u1")

    def refuse(events: object) -> None:
        raise TransientError("publish_failed")

    with pytest.raises(TransientError):
        drain(to.core_outbox, refuse, TOPICS, budget_s=5)
    assert relay(to)["announced"] == 0
    to.memory_core.outbox.expire_leases()
    assert relay(to)["announced"] == 1


def test_a_lease_outlasts_the_slowest_possible_publishing() -> None:
    for place in ("core", "supabase"):
        assert len(catalog.load().announced_by(place)) * _TIMEOUT_S < LEASE_S


def test_deletions_announced_long_ago_are_forgotten_and_the_living_stay(
    to: MemoryClients, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUTBOX_RETENTION_DAYS", "3")
    note(to, "user", "living")
    note(to, "user", "deleted", deleted=True)
    assert relay(to) == {"announced": 2}
    later = to.memory_core.clock() + 4 * 86_400
    to.memory_core.clock = lambda: later
    note(to, "user", "just deleted", deleted=True)
    relay(to)
    assert {key for _, key in to.memory_core.outbox.rows} == {"living", "just deleted"}


def test_the_fullest_message_of_the_longest_keys_in_any_script_can_be_read() -> None:
    refs = tuple(Ref("prescription", chr(0x1F600 + n) * 128, 2**63 - 1) for n in range(100))
    data, _ = encode(Event("prescription-changed", refs, new_traceparent()))
    assert len(data) <= MAX_BYTES
