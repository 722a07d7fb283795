"""A provider's Retry-After is kept: nobody asks it again before the time it named."""

from __future__ import annotations

import time

import pytest

from shared.errors import TransientError
from shared.events import NOT_BEFORE, Event, Ref, new_traceparent
from shared.outcomes import Outcome, Outcomes
from shared.pauses import not_before, respect
from shared.runner import Batch, Runner
from tests.memory.clients import MemoryClients
from tests.memory.faults import fail

WAIT = TransientError("embeddings_rate_limit", retry_after=40)
REF = Ref("prescription", "p1", 1)


def arrange(to: MemoryClients) -> None:
    core = to.memory_core
    to.bus.patient = False
    core.put_user("id1", firebase_uid="u1")
    core.put_patient("id1", "patient1")
    core.put_prescription("p1", "id1", summary={"diagnosis": "rest"})
    core.outbox.rows.clear()
    fail(to.memory_embedder, "embedder.embed", WAIT)
    to.publish([Event("prescription-changed", (REF,), new_traceparent())])
    for _ in range(2):  # the PDF is copied, the mirror written
        to.bus.deliver(to, to.bus.pending.pop(0))


def test_a_repeated_delivery_within_the_wait_is_refused_without_asking_the_provider(
    to: MemoryClients,
) -> None:
    arrange(to)
    message = to.bus.pending.pop(0)
    assert not to.bus.deliver(to, message)
    assert not to.bus.deliver(to, to.bus.pending.pop(0))
    assert to.bus.refusals == [
        ("index_prescription", "embeddings_rate_limit"),
        ("index_prescription", "too_early"),
    ]
    later = to.memory_core.clock() + 41
    to.memory_core.clock = lambda: later
    to.run()
    assert to.memory_embedder.embedded


def test_a_first_delivery_reads_no_wait(to: MemoryClients) -> None:
    effects: list[str] = []
    to.memory_core.hook = lambda moment, name: effects.append(name)
    arrange(to)
    assert "ledger.pause" not in effects


def test_a_delivery_without_a_count_may_be_a_repeated_one(to: MemoryClients) -> None:
    core = to.memory_core
    core.record("s", "", [Outcome(REF, "retrying", "x_y", retry_after=40)])
    event = Event("t", (REF,), new_traceparent())
    respect("s", event, 1, to.ledger, to.now())
    with pytest.raises(TransientError, match="too_early"):
        respect("s", event, 0, to.ledger, to.now())


def test_what_is_split_off_says_until_when_to_wait() -> None:
    published: list[Event] = []
    outcomes = [Outcome(Ref("user", "u1"), "done"), Outcome(Ref("user", "u2"), "retrying", "a_b",
                retry_after=40)]  # fmt: skip
    runner = Runner("s", (), lambda _: Outcomes(recorded=outcomes), published.extend, _ignore)
    runner.run(Event("user-changed", tuple(o.ref for o in outcomes), new_traceparent()))
    (message,) = published
    assert 38 < int(message.attributes[NOT_BEFORE]) - time.time() < 42


def test_the_attribute_is_respected_without_any_read_and_nonsense_is_ignored(
    to: MemoryClients,
) -> None:
    effects: list[str] = []
    to.memory_core.hook = lambda moment, name: effects.append(name)

    def arrive(stamp: str) -> None:
        respect("s", Event("t", (REF,), "", {NOT_BEFORE: stamp}), 1, to.ledger, time.time())

    with pytest.raises(TransientError, match="too_early") as refused:
        arrive(not_before(40, time.time())[NOT_BEFORE])
    assert 38 < (refused.value.retry_after or 0) < 42
    for stamp in ("", "soon", "-5", "1e9", "²", str(int(time.time()) - 1), "9" * 30):
        arrive(stamp)
    assert effects == []


def _ignore(batch: Batch, outcomes: object) -> None:
    """Take a record."""
