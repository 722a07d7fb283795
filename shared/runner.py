"""
Run one step on one event, without knowing transport: work, record, publish; in that order.

A crash after any of the three means that the message is delivered again, the idempotent work is
repeated and the next event published once more. "Nothing changed" publishes too: a crash between
write and publish must not end the chain.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from shared.errors import ContendedError, TooMuchError, TransientError
from shared.events import Event, Ref, events
from shared.outcomes import FORWARDED, Outcome, Outcomes, failed, with_state
from shared.pauses import not_before

Work = Callable[["Batch"], Outcomes]
Publish = Callable[[Sequence[Event]], None]  # returns when the bus has accepted all
Record = Callable[["Batch", Sequence[Outcome]], None]  # writes to the ledger
_QUICK_RETRIES = 3


@dataclass(frozen=True, slots=True)
class Batch:
    """What a step works on: 1..100 refs of one event."""

    step: str
    refs: tuple[Ref, ...]
    traceparent: str
    attributes: Mapping[str, str] = field(default_factory=dict[str, str])


class RefusedError(Exception):
    """Nothing in the batch could be done now: the message is to be redelivered."""

    def __init__(self, outcomes: Sequence[Outcome]) -> None:
        super().__init__(outcomes[0].code or "refused")
        self.outcomes = outcomes
        self.retry_after = max((o.retry_after or 0 for o in outcomes), default=0)


@dataclass(frozen=True, slots=True)
class Runner:
    """A step's name and the topics it emits to, with the three things it needs to run."""

    step: str
    emits: tuple[str, ...]
    work: Work
    publish: Publish
    record: Record
    now: Callable[[], float] = time.time

    def run(self, event: Event) -> list[Outcome]:
        """
        Bring every ref of the event as far as it goes. Return the outcomes: acknowledge.

        A batch that is done in part is split: what must wait goes back to the same topic as its
        own message, so that Pub/Sub's backoff and dead letter count for it alone. So too with the
        halves of what is too much at a time. Raise RefusedError when all of it must wait.
        """
        try:
            outcomes = self._attempt(event, event.refs)
        except TooMuchError as error:
            return self._halved(event, error)
        waiting = with_state(outcomes, "retrying")
        forward = tuple(o.ref for o in outcomes if o.state in FORWARDED or o.passed_on)
        out = [e for topic in self.emits for e in events(topic, forward, event.traceparent)]
        if waiting and len(waiting) < len(outcomes):
            out += self._later(event, waiting)
        if out:
            self.publish(out)
        if waiting and len(waiting) == len(outcomes):
            raise RefusedError(waiting)
        return outcomes

    def _later(self, event: Event, waiting: Sequence[Outcome]) -> list[Event]:
        """Return the message for what must wait; it says for how long, where a provider said so."""
        refs = [outcome.ref for outcome in waiting]
        stay = max((outcome.retry_after or 0 for outcome in waiting), default=0)
        given = not_before(stay, self.now()) if stay else {}
        return [replace(e, attributes=given) for e in events(event.topic, refs, event.traceparent)]

    def _halved(self, event: Event, error: TooMuchError) -> list[Outcome]:
        """Try no half here: the whole took all the time that a statement or a function has."""
        batch = Batch(self.step, event.refs, event.traceparent, event.attributes)
        waiting = self._recorded(batch, [failed(ref, error) for ref in event.refs])
        middle = len(waiting) // 2
        self.publish(self._later(event, waiting[:middle]) + self._later(event, waiting[middle:]))
        return waiting

    def _attempt(self, event: Event, refs: tuple[Ref, ...]) -> list[Outcome]:
        """
        Work on refs; on any error but "try later" halve them until the culprit is alone.

        So too when the database reports contention again and again: two of the batch may want the
        same unique value, and one alone gets it.
        """
        batch = Batch(self.step, refs, event.traceparent, event.attributes)
        try:
            result = self._work(batch)
        except (Exception, SystemExit) as error:  # a step may raise anything
            if isinstance(error, TooMuchError) and len(refs) == len(event.refs) > 1:
                raise
            later = isinstance(error, TransientError) and not isinstance(error, ContendedError)
            if later or len(refs) == 1:
                return self._recorded(batch, [failed(ref, error) for ref in refs])
            middle = len(refs) // 2
            return self._attempt(event, refs[:middle]) + self._attempt(event, refs[middle:])
        if result.unrecorded:
            self.record(batch, result.unrecorded)
        return [*result.recorded, *result.unrecorded]

    def _work(self, batch: Batch) -> Outcomes:
        for _ in range(_QUICK_RETRIES):
            try:
                return self.work(batch)
            except ContendedError:
                continue
        return self.work(batch)

    def _recorded(self, batch: Batch, outcomes: list[Outcome]) -> list[Outcome]:
        """
        Record failures. Parking must be on record before the message is acknowledged; a mere
        "retrying" may go unrecorded when core is down, since the refusal itself keeps the message.
        """
        try:
            self.record(batch, outcomes)
        except TransientError:
            if with_state(outcomes, "parked"):
                raise
        return outcomes
