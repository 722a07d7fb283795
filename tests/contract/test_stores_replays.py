"""
What was parked or lost, in memory and in PostgreSQL: rest, replay, filters, what is overdue; and
the waits providers ask for.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from shared.events import Event, Ref
from shared.outcomes import Outcome
from shared.repair.replaying import replay, send_overdue
from shared.runner import Batch
from shared.stores.core_replays import Filter
from tests.contract.postgres_core_world import CoreWorld

TOKEN = "11111111-1111-4111-8111-111111111111"
TRACE = f"00-{'ab' * 16}-{'cd' * 8}-01"


class Parked:
    """A core whose ledger holds parked entities, and what was published."""

    def __init__(self, at_core: CoreWorld) -> None:
        self.at_core = at_core
        self.ledger, self.replays, self.outbox = at_core.ledger, at_core.replays, at_core.repairs
        self.published: list[Event] = []
        self.slept: list[float] = []

    def park(self, *keys: str, step: str = "store_user", kind: str = "user", **how: Any) -> None:
        given: dict[str, Any] = {"code": "core_unreachable", "exhausted": True} | how
        self.record(step, *[Outcome(Ref(kind, key, 7), "parked", **given) for key in keys])

    def record(self, step: str, *outcomes: Outcome) -> None:
        self.ledger.record(Batch(step, tuple(o.ref for o in outcomes), TRACE), outcomes)

    def replay(self, wanted: Filter, per_run: int = 1000, per_second: int = 100) -> dict[str, int]:
        return replay(
            wanted,
            replays=self.replays,
            publish=self.published.extend,
            relays={"relay_core_outbox": self.outbox},
            per_run=per_run,
            per_second=per_second,
            sleep=self.slept.append,
        )

    def send_overdue(self, overdue_s: float = 3600) -> list[tuple[str, Ref]]:
        self.published.clear()
        found = send_overdue(
            replays=self.replays, publish=self.published.extend, overdue_s=overdue_s, per_run=1000
        )
        sent = [(event.topic, ref) for event in self.published for ref in event.refs]
        assert found == {"overdue": len(sent)}
        return sorted(sent, key=str)

    def keys(self) -> list[str]:
        return [ref.key for event in self.published for ref in event.refs]


@pytest.fixture(name="parked")
def _parked(at_core: CoreWorld) -> Parked:
    return Parked(at_core)


def test_by_schedule_only_what_ran_out_of_deliveries_and_has_rested_is_replayed(
    parked: Parked,
) -> None:
    parked.park("tired")
    parked.park("hopeless", code="core_22001", exhausted=False)
    assert parked.replay(Filter(due=True))["retried"] == 0
    parked.at_core.rest_over()
    assert parked.replay(Filter(due=True))["retried"] == 1
    (event,) = parked.published
    assert (event.topic, event.refs) == ("user-changed", (Ref("user", "tired", 7),))
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-01", event.traceparent)


def test_each_rest_is_longer_and_after_eight_replays_a_person_decides(parked: Parked) -> None:
    parked.park("u1")
    rests = [parked.at_core.replayed("u1")[1]]
    for _ in range(8):
        parked.at_core.rest_over()
        assert parked.replay(Filter(due=True))["retried"] == 1
        parked.park("u1")
        rests.append(parked.at_core.replayed("u1")[1])
    for number, rest in enumerate(rests[:-1]):
        middle = min(600 * 2**number, 86_400)
        assert rest is not None
        assert middle * 0.75 - 5 <= rest <= middle * 1.25
    assert rests[-1] is None
    parked.at_core.rest_over()
    assert parked.replay(Filter(due=True))["retried"] == 0
    assert parked.replay(Filter()) == {"retried": 1, "failed": 0}


def test_a_success_forgets_the_replays(parked: Parked) -> None:
    parked.park("u1")
    parked.replay(Filter())
    assert parked.at_core.replayed("u1")[0] == 1
    parked.record("store_user", Outcome(Ref("user", "u1", 8), "done"))
    assert parked.at_core.standing("user", "u1", "store_user") == ("done", 8, 8, 0, None)
    assert parked.at_core.replayed("u1") == (0, None)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (Filter(step="mirror_user"), ["u2"]),
        (Filter(code="core_22001"), ["u3"]),
        (Filter(kind="document"), ["d1"]),
        (Filter(keys=(("user", "u1"), ("document", "d1"), ("user", "d1"))), ["d1", "u1"]),
        (Filter(older_s=3600), ["u1"]),
        (Filter(), ["d1", "u1", "u2", "u3"]),
    ],
)
def test_a_person_chooses_by_step_code_kind_age_and_entity(
    parked: Parked, wanted: Filter, found: list[str]
) -> None:
    parked.park("u1")
    parked.at_core.wait(7200)
    parked.park("u2", step="mirror_user")
    parked.park("u3", code="core_22001", exhausted=False)
    parked.park("d1", step="store_document", kind="document")
    assert parked.replay(wanted) == {"retried": len(found), "failed": 0}
    assert sorted(parked.keys()) == found


def test_a_run_replays_no_more_than_it_may_and_no_faster(parked: Parked) -> None:
    parked.park(*(f"u{n}" for n in range(30)))
    assert parked.replay(Filter(), per_run=25, per_second=10) == {"retried": 25, "failed": 5}
    assert parked.slept == [1.0, 1.0, 0.5]
    assert len(set(parked.keys())) == 25


def test_an_unreadable_message_has_nothing_to_replay_and_counts_as_failed(parked: Parked) -> None:
    parked.park("4711", kind="message", code="event_not_json", exhausted=False)
    assert parked.replay(Filter()) == {"retried": 0, "failed": 1}


def test_a_parked_step_that_no_longer_exists_counts_as_failed(parked: Parked) -> None:
    parked.park("u1", step="step_of_last_year")
    assert parked.replay(Filter()) == {"retried": 0, "failed": 1}
    assert parked.published == []


def test_what_a_relay_parked_is_announced_again_and_judged_anew(parked: Parked) -> None:
    parked.park("i1", step="relay_core_outbox", kind="invoice", exhausted=False)
    assert parked.replay(Filter()) == {"retried": 1, "failed": 0}
    assert parked.published == []
    assert parked.at_core.unsent() == {("invoice", "i1")}
    assert parked.at_core.standing("invoice", "i1", "relay_core_outbox") is None


def test_two_replays_at_once_take_different_entities(parked: Parked) -> None:
    parked.park("u1", "u2")
    before = parked.replays.now()
    first = parked.replays.claim(Filter(), ["store_user"], before, 1, "t")
    second = parked.replays.claim(Filter(), ["store_user"], before, 5, "t")
    assert sorted(ref.key for _, ref in [*first, *second]) == ["u1", "u2"]


def test_a_replay_is_in_the_journal(parked: Parked) -> None:
    parked.park("u1")
    parked.replay(Filter())
    journal = parked.at_core.journal("store_user")
    assert [state for _, _, state, _ in journal] == ["parked", "replayed"]


def test_a_patients_entities_are_those_of_every_kind(parked: Parked) -> None:
    world = parked.at_core
    world.put_user("1", firebase_uid="u1")
    world.put_patient("1", "p")
    world.put_appointment("a", "1")
    world.put_prescription("rx", "1")
    found = parked.replays.of_patient("u1")
    assert {("user", "u1"), ("profile", "u1"), ("appointment", "a"), ("prescription", "rx")} <= {
        *found
    }
    assert ("appointment", "a") not in parked.replays.of_patient("u2")


def test_a_wait_that_a_provider_asked_for_lasts_until_something_else_happens(
    parked: Parked,
) -> None:
    ref = Ref("user", "u1", 7)
    asked = Outcome(ref, "retrying", "embeddings_rate_limit", retry_after=40)
    parked.record("store_user", asked)
    assert 30 < parked.ledger.pause("store_user", [ref, Ref("user", "u2")]) <= 40
    assert parked.ledger.pause("mirror_user", [ref]) == 0
    parked.record("store_user", replace(asked, retry_after=None))
    assert parked.ledger.pause("store_user", [ref]) == 0
    parked.record("store_user", replace(asked, retry_after=10**9))
    assert parked.ledger.pause("store_user", [ref]) <= 3600


def test_what_was_refused_and_does_not_come_again_is_sent_once_more_in_each_hour(
    parked: Parked,
) -> None:
    parked.record("store_user", Outcome(Ref("user", "u1", 7), "retrying", "core_unreachable"))
    parked.at_core.wait(1800)
    asked = Outcome(Ref("user", "u2", 8), "retrying", "core_quota", retry_after=3000)
    parked.record("store_user", asked)
    parked.at_core.wait(2000)
    assert parked.send_overdue() == [("user-changed", Ref("user", "u1", 7))]
    assert parked.send_overdue() == []
    parked.at_core.wait(4700)
    assert [ref.key for _, ref in parked.send_overdue()] == ["u1", "u2"]
    journal = parked.at_core.journal("store_user")
    assert [state for _, _, state, _ in journal] == ["retrying"] * 2 + ["replayed"] * 3


def test_what_was_forwarded_and_never_answered_for_is_sent_once_more(parked: Parked) -> None:
    parked.record("store_user", Outcome(Ref("user", "u1", 7), "done"))
    parked.record("mirror_user", Outcome(Ref("user", "u2", 7), "done"))
    parked.record("admit_user", Outcome(Ref("user", "u2", 7), "done"))
    parked.at_core.wait(3000)
    assert parked.send_overdue() == []
    parked.at_core.wait(1000)
    assert parked.send_overdue() == [("user-stored", Ref("user", "u1"))]
    assert parked.send_overdue() == []
    parked.at_core.wait(4000)
    parked.record("mirror_user", Outcome(Ref("user", "u1", 7), "gone"))
    assert parked.send_overdue() == []


def test_what_the_outbox_announced_and_no_step_has_seen_is_sent_once_more(parked: Parked) -> None:
    parked.at_core.put_user("id1", firebase_uid="u1")
    parked.at_core.put_patient("id1", "p1")
    parked.at_core.put_appointment("a1", "id1")
    claimed = parked.at_core.outbox.claim(TOKEN, 10, 60)
    parked.at_core.outbox.settle(TOKEN, claimed)
    parked.at_core.wait(4000)
    assert {(topic, ref.key) for topic, ref in parked.send_overdue()} == {
        ("appointment-changed", "a1"),
        ("user-stored", "u1"),
    }


def test_what_is_parked_or_done_is_not_overdue(parked: Parked) -> None:
    parked.park("u1")
    parked.record("admit_user", Outcome(Ref("user", "u2", 7), "done"))
    parked.at_core.wait(10_000)
    assert parked.send_overdue() == []
