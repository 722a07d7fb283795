"""One step on one event: work, record, publish; split what must wait; find the poisoned entity."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest

from shared.errors import ContendedError, PermanentError, TooMuchError, TransientError
from shared.events import Event, Ref
from shared.outcomes import Outcome, Outcomes, done, failed, gone
from shared.runner import Batch, RefusedError, Runner

TRACE = f"00-{'ab' * 16}-{'cd' * 8}-01"


@dataclass
class Deployed:
    """A step with the two things it writes to; notes what happened in which order."""

    work: Callable[[Batch], Outcomes]
    emits: tuple[str, ...] = ("next",)
    record_fails: list[Exception] = field(default_factory=list[Exception])
    publish_fails: list[Exception] = field(default_factory=list[Exception])
    recorded: list[Outcome] = field(default_factory=list[Outcome])
    published: list[Event] = field(default_factory=list[Event])
    order: list[str] = field(default_factory=list[str])

    def record(self, batch: Batch, outcomes: Sequence[Outcome]) -> None:
        self.order.append("record")
        if self.record_fails:
            raise self.record_fails.pop(0)
        self.recorded += outcomes

    def publish(self, events: Sequence[Event]) -> None:
        self.order.append("publish")
        if self.publish_fails:
            raise self.publish_fails.pop(0)
        self.published += events

    def run(self, *refs: Ref) -> list[Outcome]:
        runner = Runner("a_step", self.emits, self.work, self.publish, self.record)
        return runner.run(Event("here", refs, TRACE))


def refs(count: int) -> tuple[Ref, ...]:
    return tuple(Ref("user", f"u{number}", number) for number in range(1, count + 1))


def all_done(batch: Batch) -> Outcomes:
    return Outcomes(unrecorded=[done(ref) for ref in batch.refs])


def raising(culprits: set[str], error: BaseException) -> Callable[[Batch], Outcomes]:
    """Return work that fails as a whole when a culprit is in the batch."""

    def work(batch: Batch) -> Outcomes:
        if culprits & {ref.key for ref in batch.refs}:
            raise error
        return all_done(batch)

    return work


def by_key(outcomes: Sequence[Outcome]) -> dict[str, tuple[str, str | None]]:
    return {outcome.ref.key: (outcome.state, outcome.code) for outcome in outcomes}


def test_outcomes_are_recorded_before_the_successors_are_published() -> None:
    step = Deployed(all_done)
    step.run(*refs(3))
    assert step.order == ["record", "publish"]
    assert step.published == [Event("next", refs(3), TRACE)]


def test_what_the_step_recorded_itself_is_not_recorded_again() -> None:
    step = Deployed(lambda batch: Outcomes(recorded=[done(ref) for ref in batch.refs]))
    assert len(step.run(*refs(3))) == 3
    assert step.recorded == []


def test_only_done_and_conflict_are_forwarded_at_the_version_that_was_read() -> None:
    def work(batch: Batch) -> Outcomes:
        a, b, c, d = batch.refs
        conflict = Outcome(b, "conflict", "contact_taken")
        parked = failed(d, PermanentError("refused_for_good"))
        return Outcomes(unrecorded=[done(a, 70), conflict, gone(c), parked])

    step = Deployed(work)
    step.run(*refs(4))
    assert step.published == [Event("next", (Ref("user", "u1", 70), refs(2)[1]), TRACE)]


def test_a_step_that_emits_to_two_topics_publishes_to_both_and_one_without_to_none() -> None:
    two, none = Deployed(all_done, emits=("one", "two")), Deployed(all_done, emits=())
    two.run(*refs(1))
    none.run(*refs(1))
    assert [event.topic for event in two.published] == ["one", "two"]
    assert none.order == ["record"]


def test_a_batch_that_must_all_wait_is_refused_and_recorded_as_such() -> None:
    step = Deployed(raising({"u2"}, TransientError("core_unreachable", retry_after=7)))
    with pytest.raises(RefusedError) as raised:
        step.run(*refs(3))
    assert raised.value.retry_after == 7
    assert set(by_key(step.recorded).values()) == {("retrying", "core_unreachable")}
    assert step.published == []


def test_try_later_is_not_split_since_the_rest_would_fail_alike() -> None:
    calls: list[int] = []

    def work(batch: Batch) -> Outcomes:
        calls.append(len(batch.refs))
        raise TransientError("core_unreachable")

    with pytest.raises(RefusedError):
        Deployed(work).run(*refs(100))
    assert calls == [100]


def test_a_batch_that_is_too_much_at_a_time_goes_back_as_two_messages_and_each_gets_on() -> None:
    calls: list[int] = []

    def work(batch: Batch) -> Outcomes:
        calls.append(len(batch.refs))
        if len(batch.refs) > 30:
            raise TooMuchError("supabase_57014")
        return all_done(batch)

    step = Deployed(work)
    step.run(*refs(51))
    assert calls == [51]  # a second try would take as long as the first
    assert set(by_key(step.recorded).values()) == {("retrying", "supabase_57014")}
    first, second = step.published
    assert (first, second) == (Event("here", refs(25), TRACE), Event("here", refs(51)[25:], TRACE))
    assert set(by_key(step.run(*second.refs)).values()) == {("done", None)}


def test_what_is_too_much_alone_is_refused_and_holds_up_nobody() -> None:
    step = Deployed(raising({"u1"}, TooMuchError("supabase_57014")))
    step.run(*refs(2))
    assert [event.refs for event in step.published] == [refs(1), refs(2)[1:]]
    with pytest.raises(RefusedError):
        step.run(*refs(1))
    assert set(by_key(step.run(*refs(2)[1:])).values()) == {("done", None)}


def test_halves_that_cannot_be_published_leave_the_message_to_come_again() -> None:
    step = Deployed(raising({"u1"}, TooMuchError("supabase_57014")))
    step.publish_fails = [TransientError("publish_failed")]
    with pytest.raises(TransientError, match="publish_failed"):
        step.run(*refs(2))


def test_too_much_amid_a_search_for_the_culprit_waits_as_any_other_error() -> None:
    def work(batch: Batch) -> Outcomes:
        if len(batch.refs) > 2:
            raise PermanentError("refused_for_good")
        if len(batch.refs) == 2:
            raise TooMuchError("supabase_57014")
        return all_done(batch)

    step = Deployed(work)
    assert set(by_key(step.run(*refs(3))).values()) == {
        ("done", None),
        ("retrying", "supabase_57014"),
    }


def test_the_waiting_part_of_a_batch_goes_back_to_its_topic_alone() -> None:
    def work(batch: Batch) -> Outcomes:
        first, *rest = batch.refs
        waiting = [failed(ref, TransientError("parent_missing")) for ref in rest]
        return Outcomes(unrecorded=[done(first), *waiting])

    step = Deployed(work)
    step.run(*refs(3))
    assert step.published == [
        Event("next", refs(1), TRACE),
        Event("here", refs(3)[1:], TRACE),
    ]


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (PermanentError("core_22001"), ("parked", "core_22001")),
        (TypeError("asha@example.com"), ("retrying", "unknown_typeerror")),
        (SystemExit(3), ("retrying", "unknown_systemexit")),
        (RecursionError(), ("retrying", "unknown_recursionerror")),
        (MemoryError(), ("retrying", "unknown_memoryerror")),
        (ContendedError("core_23505"), ("retrying", "core_23505")),
    ],
)
def test_one_poisoned_entity_of_a_hundred_is_found_and_the_others_go_on(
    error: BaseException, outcome: tuple[str, str]
) -> None:
    step = Deployed(raising({"u42"}, error))
    states = by_key(step.run(*refs(100)))
    assert states.pop("u42") == outcome
    assert set(states.values()) == {("done", None)}
    assert by_key(step.recorded)["u42"] == outcome
    forwarded = [event for event in step.published if event.topic == "next"]
    assert sum(len(event.refs) for event in forwarded) == 99


def test_several_poisoned_entities_are_all_found() -> None:
    culprits = {"u1", "u50", "u51", "u100"}
    step = Deployed(raising(culprits, PermanentError("core_22001")))
    parked = {key for key, (state, _) in by_key(step.run(*refs(100))).items() if state == "parked"}
    assert parked == culprits


def test_contention_is_tried_again_at_once() -> None:
    calls: list[int] = []

    def work(batch: Batch) -> Outcomes:
        calls.append(1)
        if len(calls) < 3:
            raise ContendedError("core_40p01")
        return all_done(batch)

    assert by_key(Deployed(work).run(*refs(2)))["u1"] == ("done", None)
    assert len(calls) == 3


def test_two_entities_that_contend_with_each_other_are_taken_apart() -> None:
    def work(batch: Batch) -> Outcomes:
        if {"u1", "u2"} <= {ref.key for ref in batch.refs}:
            raise ContendedError("core_23505")
        return all_done(batch)

    assert set(by_key(Deployed(work).run(*refs(50))).values()) == {("done", None)}


def test_a_failed_publication_is_raised_so_that_the_message_comes_again() -> None:
    step = Deployed(all_done, publish_fails=[TransientError("publish_failed")])
    with pytest.raises(TransientError, match="publish_failed"):
        step.run(*refs(1))
    step.run(*refs(1))
    assert len(step.published) == 1


def test_parking_that_cannot_be_recorded_is_not_acknowledged() -> None:
    away = TransientError("core_unreachable")
    step = Deployed(raising({"u1"}, PermanentError("core_22001")), record_fails=[away])
    with pytest.raises(TransientError, match="core_unreachable"):
        step.run(*refs(1))


def test_a_refusal_stands_even_when_it_cannot_be_recorded() -> None:
    away = TransientError("core_unreachable")
    step = Deployed(raising({"u1"}, away), record_fails=[away])
    with pytest.raises(RefusedError):
        step.run(*refs(1))


def test_an_interrupt_from_the_keyboard_is_not_swallowed() -> None:
    with pytest.raises(KeyboardInterrupt):
        Deployed(raising({"u1"}, KeyboardInterrupt())).run(*refs(1))
