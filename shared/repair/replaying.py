"""
Replay parked entities: each is delivered once more to the topic of the step that parked it.

Nothing else is special about a replay: the step reads the source again and writes by the same keys.
What a relay parked has no topic; its outbox row is announced again, and the relay judges it anew.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from shared import catalog
from shared.events import MAX_REFS, Event, Ref, events
from shared.observability import tracing

if TYPE_CHECKING:
    from shared.runner import Publish
    from shared.stores.core_replays import Filter


class Replays(Protocol):
    """The parked entities of core's ledger."""

    def now(self) -> datetime: ...

    def claim(
        self, wanted: Filter, steps: Sequence[str], before: datetime, limit: int, trace: str
    ) -> list[tuple[str, Ref]]: ...

    def claim_overdue(
        self, steps: Sequence[str], overdue_s: float, limit: int, trace: str
    ) -> list[tuple[str, Ref]]: ...

    def left(self, wanted: Filter, before: datetime) -> int: ...

    def forget(self, step: str, kind: str, keys: Sequence[str]) -> None: ...


class Outbox(Protocol):
    """Core's or Supabase's outbox."""

    def announce_again(self, kind: str, keys: Sequence[str]) -> int: ...


def replay(
    wanted: Filter,
    *,
    replays: Replays,
    publish: Publish,
    relays: Mapping[str, Outbox],
    per_run: int,
    per_second: int,
    sleep: Callable[[float], None] = time.sleep,
) -> dict[str, int]:
    """
    Replay what fits, at most `per_run` entities and about `per_second` a second.

    `relays` gives each relay's outbox by the relay's name. Return {"retried", "failed"}: how many
    were delivered once more, and how many that fit are still parked as before.
    """
    began, retried = replays.now(), 0
    steps = [step.name for step in catalog.load().steps()] + list(relays)
    while retried < per_run:
        trace = tracing.continued()
        limit = min(MAX_REFS, per_run - retried, per_second)
        claimed = replays.claim(wanted, steps, began, limit, trace[3:35])
        if not claimed:
            break
        publish(_events(claimed, trace))
        for step, outbox in relays.items():
            _announce(step, [ref for name, ref in claimed if name == step], outbox, replays)
        retried += len(claimed)
        if len(claimed) < limit:
            break
        sleep(len(claimed) / per_second)
    return {"retried": retried, "failed": replays.left(wanted, began)}


def send_overdue(
    *, replays: Replays, publish: Publish, overdue_s: float, per_run: int
) -> dict[str, int]:
    """
    Deliver once more what has not come again to its step, although a refused message comes again
    within minutes: it is lost. Return {"overdue"}: how many. One that is only late comes twice.
    """
    steps = [step.name for step in catalog.load().steps()]
    trace, sent = tracing.continued(), 0
    while sent < per_run:
        claimed = replays.claim_overdue(steps, overdue_s, MAX_REFS, trace[3:35])
        publish(_events(claimed, trace))
        sent += len(claimed)
        if len(claimed) < MAX_REFS:
            break
    return {"overdue": sent}


def _events(claimed: Sequence[tuple[str, Ref]], trace: str) -> list[Event]:
    by_topic: dict[str, list[Ref]] = {}
    for name, ref in claimed:
        topic = catalog.load().functions[name].topic
        if topic is not None:
            by_topic.setdefault(topic, []).append(ref)
    return [event for topic, refs in by_topic.items() for event in events(topic, refs, trace)]


def _announce(step: str, refs: Sequence[Ref], outbox: Outbox, replays: Replays) -> None:
    """Announce again first: after a crash in between, the parked row is still there to see."""
    for kind in sorted({ref.kind for ref in refs}):
        keys = [ref.key for ref in refs if ref.kind == kind]
        outbox.announce_again(kind, keys)
        replays.forget(step, kind, keys)
