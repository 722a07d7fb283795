"""
The bus in memory, by what only it shows: its queue, its hooks, and the number of a delivery, which
the emulator does not send. What it shares with Pub/Sub is in test_stores_bus.py.
"""

from __future__ import annotations

import pytest

from shared import transport
from shared.errors import TransientError
from shared.events import Event, Ref, decode, new_traceparent
from tests.memory import faults
from tests.memory.clients import MemoryClients

EVENT = Event("user-changed", (Ref("user", "u1"),), new_traceparent())


class CrashError(BaseException):
    """The process is killed: no handler of the step may catch it."""


def test_a_message_is_pushed_to_the_topics_consumer_as_a_push_subscription_does() -> None:
    bus = MemoryClients().bus
    bus.publish([EVENT])
    (delivery,) = bus.pending
    assert delivery.function == "store_user"
    message = transport.decode(delivery.body(), "application/json")
    assert decode("user-changed", message.data, message.attributes).refs == EVENT.refs
    assert message.attributes == {"traceparent": EVENT.traceparent}


def test_a_refused_message_comes_again_behind_the_others() -> None:
    to = MemoryClients()
    faults.fail(to.firebase, "accounts.read", TransientError("firebase_quota"))
    to.publish([EVENT, Event("user-changed", (Ref("user", "u2"),), new_traceparent())])
    assert not to.bus.deliver(to, to.bus.pending.pop(0))
    assert [(d.message_id, d.attempt) for d in to.bus.pending] == [("2", 1), ("1", 2)]


def test_a_push_is_numbered_where_a_dead_letter_topic_counts_and_nowhere_else() -> None:
    bus = MemoryClients().bus
    for topic in ("user-changed", "dead-letter"):
        bus.accept(topic, b"{}", {})
    bodies = [delivery.body() for delivery in bus.pending]
    assert [transport.decode(body, "application/json").attempt for body in bodies] == [1, 0]


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_crash_at_any_effect_leaves_the_message_to_come_again(moment: str) -> None:
    to = MemoryClients()
    to.firebase.sign_up("u1", phone="+919876543210")
    to.publish([EVENT])
    faults.fail(to.memory_core, "core_users.store", CrashError(), moment=moment)
    with pytest.raises(CrashError):
        to.run()
    assert bool(to.memory_core.user_rows) is (moment == "after")
    to.run()
    assert len(to.memory_core.user_rows) == 1
    assert to.firebase.account_rows["u1"].claims == {"role": "authenticated"}


def test_every_effect_of_a_chain_passes_the_hook_of_its_place_before_and_after() -> None:
    to = MemoryClients()
    to.firebase.sign_up("u1", phone="+919876543210")
    seen: list[tuple[str, str]] = []
    for place in to.places:
        place.hook = lambda moment, name: seen.append((moment, name))
    to.publish([EVENT])
    to.run()
    assert seen[::2] == [("before", name) for _, name in seen[1::2]]
    assert {moment for moment, _ in seen[1::2]} == {"after"}
    assert [name for _, name in seen[::2]] == [
        "bus.publish user-changed",
        "core_tombstones.buried",
        "core_users.ticket",
        "accounts.read",
        "core_users.store",
        "bus.publish user-stored",
        "core_tombstones.buried",
        "core_users.read",
        "supabase_users.find",
        "supabase_users.create",
        "ledger.record_and_recheck",
        "bus.publish user-mirrored",
        "core_tombstones.buried",
        "accounts.read",
        "accounts.set_claims",
        "ledger.record",
    ]


def test_a_bus_that_never_becomes_quiet_is_reported() -> None:
    to = MemoryClients()
    away = TransientError("core_unreachable")
    faults.fail(to.memory_core, "ledger.record", away, times=10**6)
    to.bus.accept("dead-letter", b"unreadable", {})
    with pytest.raises(AssertionError, match="not quiet"):
        to.bus.run_until_quiet(to, limit=50)
