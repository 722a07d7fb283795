"""The relays announce what the outboxes hold: all of it, in batches, however often they fail."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from uuid import UUID

import pytest
from flask.testing import FlaskClient

from shared import catalog
from shared.errors import TransientError
from shared.events import Event, Ref
from shared.relay import drain
from tests.memory import faults
from tests.memory.clients import MemoryClients

CORE_TOPICS = catalog.load().announced_by("core")
SUPABASE_TOPICS = catalog.load().announced_by("supabase")
Http = Callable[[str], FlaskClient]


def users(to: MemoryClients, *numbers: int) -> None:
    for number in numbers:
        to.memory_core.put_user(f"id{number}", firebase_uid=f"u{number}")


def test_core_changes_are_announced_on_the_topic_of_their_kind(
    to: MemoryClients, http: Http
) -> None:
    users(to, 1)
    to.memory_core.put_patient("id1", "p1")
    to.memory_core.put_prescription("rx1", "id1", summary={})
    answer = http("relay_core_outbox").post()
    assert (answer.status_code, answer.get_json()) == (200, {"announced": 2})
    version = to.memory_core.outbox.version
    assert [event.refs for event in to.bus.of("user-stored")] == [
        (Ref("user", "u1", version("user", "u1")),)
    ]
    assert [event.refs for event in to.bus.of("prescription-changed")] == [
        (Ref("prescription", "rx1", version("prescription", "rx1")),)
    ]
    assert to.memory_core.outbox.unsent() == {}


def test_uploads_that_no_hint_announced_are_announced_by_the_sweep(
    to: MemoryClients, http: Http
) -> None:
    to.memory_supabase.upload({"id": str(UUID(int=1)), "patient_id": "u1"})
    assert http("relay_supabase_outbox").post().get_json() == {"announced": 1}
    assert len(to.bus.of("document-changed")) == 1


@pytest.mark.parametrize("name", ["relay_core_outbox", "relay_supabase_outbox"])
def test_an_empty_outbox_announces_nothing(to: MemoryClients, http: Http, name: str) -> None:
    answer = http(name).post()
    assert (answer.status_code, answer.get_json()) == (200, {"announced": 0})
    assert to.bus.messages == []


@pytest.mark.parametrize(
    ("name", "place"), [("relay_core_outbox", "core"), ("relay_supabase_outbox", "supabase")]
)
def test_a_relay_emits_the_topics_of_the_catalog_for_their_kinds(name: str, place: str) -> None:
    known = catalog.load()
    topics = known.announced_by(place)
    assert sorted(topics.values()) == sorted(known.functions[name].emits)
    assert all(known.topics[topic]["kind"] == kind for kind, topic in topics.items())


def test_many_changes_travel_as_full_messages_each_with_its_own_trace(to: MemoryClients) -> None:
    users(to, *range(2350))
    effects: list[str] = []
    to.bus.hook = lambda moment, name: effects.append(name) if moment == "before" else None
    assert drain(to.core_outbox, to.publish, CORE_TOPICS, budget_s=9) == 2350
    sizes = [len(event.refs) for event in to.bus.published]
    assert sizes == [100] * 23 + [50]
    assert len({event.traceparent for event in to.bus.published}) == 24
    assert len(effects) == 3
    assert to.memory_core.outbox.unsent() == {}


def test_a_failed_publication_settles_nothing_and_is_repeated_after_the_lease(
    to: MemoryClients,
) -> None:
    users(to, 1, 2)
    faults.fail(to.bus, "bus.publish user-stored", TransientError("publish_failed"))
    with pytest.raises(TransientError):
        drain(to.core_outbox, to.publish, CORE_TOPICS, budget_s=9)
    assert len(to.memory_core.outbox.unsent()) == 2
    to.memory_core.outbox.expire_leases()
    assert drain(to.core_outbox, to.publish, CORE_TOPICS, budget_s=9) == 2


def test_a_crash_between_publishing_and_settling_announces_again(to: MemoryClients) -> None:
    users(to, 1)
    faults.fail(to.memory_core, "core_outbox.settle", TransientError("core_unreachable"))
    with pytest.raises(TransientError):
        drain(to.core_outbox, to.publish, CORE_TOPICS, budget_s=9)
    to.memory_core.outbox.expire_leases()
    assert drain(to.core_outbox, to.publish, CORE_TOPICS, budget_s=9) == 1
    first, again = to.bus.published
    assert first.refs == again.refs


def test_a_row_changed_while_it_is_published_is_announced_again(to: MemoryClients) -> None:
    users(to, 1)
    faults.at(
        to.bus,
        "bus.publish user-stored",
        lambda: to.memory_core.put_user("id1", role="DOCTOR"),
        moment="after",
    )
    drain(to.core_outbox, to.publish, CORE_TOPICS, budget_s=9)
    drain(to.core_outbox, to.publish, CORE_TOPICS, budget_s=9)
    first, again = to.bus.published
    assert again.refs[0].version > first.refs[0].version
    assert to.memory_core.outbox.unsent() == {}


def test_nothing_is_claimed_once_the_time_is_up() -> None:
    class Endless:
        """An outbox that always has a full claim more."""

        claims = 0

        def claim(self, token: str, limit: int, lease_s: int) -> list[Ref]:
            self.claims += 1
            return [Ref("user", f"u{number}") for number in range(limit)]

        def settle(self, token: str, sent: Sequence[Ref]) -> None:
            """Accept."""

        def purge(self, days: int, limit: int) -> int:
            return 0

    outbox, now = Endless(), iter([0.0, 0.0, 2.0, 4.0, 6.0])

    def publish(events: Sequence[Event]) -> None:
        assert len(events) == 10

    assert drain(outbox, publish, CORE_TOPICS, budget_s=5, clock=lambda: next(now)) == 3000
    assert outbox.claims == 3


def test_a_lease_outlasts_a_publication_so_two_relays_never_hold_one_row(
    to: MemoryClients,
) -> None:
    users(to, 1)
    faults.at(
        to.bus,
        "bus.publish user-stored",
        lambda: overlapping.append(drain(to.core_outbox, to.publish, CORE_TOPICS, budget_s=9)),
        moment="before",
    )
    overlapping: list[int] = []
    assert drain(to.core_outbox, to.publish, CORE_TOPICS, budget_s=9) == 1
    assert overlapping == [0]


@pytest.mark.parametrize("name", ["relay_core_outbox", "relay_supabase_outbox"])
def test_a_store_that_is_away_is_answered_503(to: MemoryClients, http: Http, name: str) -> None:
    for place in (to.memory_core, to.memory_supabase):
        store = "core" if place is to.memory_core else "supabase"
        faults.fail(place, f"{store}_outbox.claim", TransientError(f"{store}_unreachable"))
    answer = http(name).post()
    assert answer.status_code == 503
    assert answer.get_json()["error"] in {"core_unreachable", "supabase_unreachable"}
