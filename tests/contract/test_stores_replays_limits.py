"""How much is claimed at once of what is parked or overdue, and what is left of it, in both."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from shared.events import Ref
from shared.outcomes import Outcome
from shared.stores.core_replays import Filter
from tests.contract.memory_core_world import batch
from tests.contract.postgres_core_world import CoreWorld

STEP, HOUR_S = "store_user", 3600.0
STEPS = [STEP, "mirror_user", "store_document"]


def refuse(at_core: CoreWorld, *keys: str, step: str = STEP, **how: Any) -> None:
    """Have a step refuse users, a minute after whatever was before."""
    at_core.wait(60)
    refs = tuple(Ref("user", key, 7) for key in keys)
    given: dict[str, Any] = {"state": "retrying", "code": "core_quota"} | how
    found = [Outcome(ref, **given) for ref in refs]
    at_core.ledger.record(batch(step, *refs), found)


def announce(at_core: CoreWorld, *keys: str) -> None:
    """Have a caller announce users, a minute after whatever was before."""
    at_core.wait(60)
    refs = tuple(Ref("user", key) for key in keys)
    at_core.announcements.announced(batch("receive_announcement", *refs))


def overdue(at_core: CoreWorld, limit: int = 10, steps: list[str] | None = None) -> list[str]:
    found = at_core.replays.claim_overdue(STEPS if steps is None else steps, HOUR_S, limit, "t")
    return sorted(ref.key for _, ref in found)


def test_what_waits_longest_is_sent_again_first_and_no_more_than_asked_for(
    at_core: CoreWorld,
) -> None:
    for key in ("u3", "u1", "u2"):
        refuse(at_core, key)
    at_core.wait(HOUR_S)
    assert overdue(at_core, 0) == []
    assert [overdue(at_core, 2) for _ in range(3)] == [["u1", "u3"], ["u2"], []]


def test_the_refused_and_those_without_an_answer_share_the_limit(at_core: CoreWorld) -> None:
    for number in (1, 2):
        announce(at_core, f"a{number}")
        refuse(at_core, f"u{number}")
    at_core.wait(HOUR_S)
    assert [overdue(at_core, 3) for _ in range(3)] == [["a1", "a2", "u1"], ["u2"], []]


def test_what_is_sent_again_keeps_its_place_before_what_came_later(at_core: CoreWorld) -> None:
    refuse(at_core, "u1")
    announce(at_core, "a1")
    at_core.wait(HOUR_S - 100)
    refuse(at_core, "u2")
    announce(at_core, "a2")
    assert overdue(at_core) == ["a1", "u1"]
    at_core.wait(2 * HOUR_S)
    assert [overdue(at_core, 1) for _ in range(5)] == [["u1"], ["a1"], ["u2"], ["a2"], []]


def test_only_the_steps_that_are_asked_for_are_sent_to(at_core: CoreWorld) -> None:
    refuse(at_core, "u1")
    refuse(at_core, "u2", step="mirror_user")
    announce(at_core, "u3")
    at_core.wait(HOUR_S)
    assert overdue(at_core, steps=[]) == []
    assert overdue(at_core, steps=["mirror_user"]) == ["u2"]
    assert overdue(at_core, steps=[STEP]) == ["u1", "u3"]


def test_what_was_refused_and_announced_again_is_sent_once(at_core: CoreWorld) -> None:
    refuse(at_core, "u1", "u2")
    announce(at_core, "u1")
    at_core.wait(HOUR_S - 30)
    announce(at_core, "u2")
    found = at_core.replays.claim_overdue(STEPS, HOUR_S, 10, "t")
    assert sorted(found, key=str) == [(STEP, Ref("user", "u1", 7)), (STEP, Ref("user", "u2", 7))]
    assert overdue(at_core) == []


def test_of_an_erased_patient_nothing_is_sent_again(at_core: CoreWorld) -> None:
    at_core.put_user("id1", firebase_uid="u1")
    announce(at_core, "u1")
    at_core.erasures.order("u1", "asha")
    announce(at_core, "u1")
    announce(at_core, "u2")
    at_core.wait(HOUR_S)
    assert overdue(at_core) == ["u2"]


@pytest.mark.parametrize(
    "how", [{}, {"state": "parked", "exhausted": True}, {"state": "gone", "code": "patient_erased"}]
)
def test_what_a_step_says_of_an_erased_patient_is_told_by_the_journal_alone(
    at_core: CoreWorld, how: dict[str, Any]
) -> None:
    at_core.put_user("id1", firebase_uid="u1")
    erasure, _ = at_core.erasures.order("u1", "asha")
    for _ in range(2):
        refuse(at_core, "u1", "u2", **how)
    assert sorted({key for key, *_ in at_core.journal(STEP)}) == sorted([erasure, "u2"])
    assert [at_core.standing("user", key, STEP) for key in ("u1", erasure)] == [None, None]
    assert at_core.standing("user", "u2", STEP) is not None
    at_core.rest_over()
    at_core.wait(HOUR_S)
    claimed = at_core.replays.claim(Filter(), STEPS, at_core.replays.now(), 10, "t")
    assert {ref.key for _, ref in claimed} | set(overdue(at_core)) <= {"u2"}


def test_an_erasure_that_stopped_is_sent_again(at_core: CoreWorld) -> None:
    at_core.put_user("id1", firebase_uid="u1")
    key, _ = at_core.erasures.order("u1", "asha")
    token = "11111111-1111-4111-8111-111111111111"
    at_core.outbox.settle(token, at_core.outbox.claim(token, 10, 60))
    at_core.wait(HOUR_S + 60)
    assert overdue(at_core, steps=["erase_supabase"]) == [key]


def test_each_that_is_sent_again_is_in_the_journal_under_the_trace(at_core: CoreWorld) -> None:
    refuse(at_core, "u1")
    announce(at_core, "u2")
    at_core.wait(HOUR_S)
    at_core.replays.claim_overdue(STEPS, HOUR_S, 10, "the trace")
    told = [row for row in at_core.journal(STEP) if row[2] == "replayed"]
    assert sorted(told) == [("u1", 7, "replayed", "the trace"), ("u2", 0, "replayed", "the trace")]


@pytest.mark.parametrize(
    ("wanted", "count"),
    [
        (Filter(), 5),
        (Filter(due=True), 5),  # whose time has come is asked of a claim alone
        (Filter(step="mirror_user"), 1),
        (Filter(code="core_22001"), 1),
        (Filter(kind="message"), 1),
        (Filter(older_s=HOUR_S), 2),
        (Filter(step=STEP, older_s=HOUR_S), 2),
        (Filter(keys=(("user", "u1"), ("user", "u9"), ("document", "u2"))), 1),
        (Filter(keys=()), 0),
    ],
)
def test_what_is_left_is_counted_by_the_same_conditions(
    at_core: CoreWorld, wanted: Filter, count: int
) -> None:
    refuse(at_core, "u1", "u2", state="parked", exhausted=True)
    at_core.wait(2 * HOUR_S)
    refuse(at_core, "u3", state="parked", code="core_22001")
    refuse(at_core, "u4", state="parked", step="mirror_user")
    refuse(at_core, "u5")
    message = Outcome(Ref("message", "4711"), "parked", "event_not_json")
    at_core.ledger.record(batch(STEP, message.ref), [message])
    assert at_core.replays.left(wanted, at_core.replays.now()) == count


def test_what_this_run_has_claimed_is_not_left_and_what_an_earlier_one_claimed_is(
    at_core: CoreWorld,
) -> None:
    refuse(at_core, "u1", "u2", "u3", state="parked")
    before = at_core.replays.now()
    assert at_core.replays.left(Filter(), before) == 3
    at_core.replays.claim(Filter(), [STEP], before, 2, "t")
    assert at_core.replays.left(Filter(), before) == 1
    assert at_core.replays.left(Filter(), at_core.replays.now() + timedelta(seconds=1)) == 3
