"""
Announce what an outbox holds: lease, publish, settle; until it is empty or the time is up.

The lease is committed before publishing and is longer than a publish can take, so no transaction
is open during network calls and two relays never hold the same row. A crash between publish and
settle repeats the announcement after the lease: at least once. Batches grow under load up to
_CLAIM rows, which travel as messages of up to 100 refs in one publish call.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol
from uuid import uuid4

from shared.events import Event, Ref, events, new_traceparent
from shared.runner import Publish

_CLAIM = 1000
_LEASE_S = 60


class Outbox(Protocol):
    """Core's or Supabase's outbox."""

    def claim(self, token: str, limit: int, lease_s: int) -> list[Ref]: ...

    def settle(self, token: str, sent: Sequence[Ref]) -> None: ...


def drain(
    outbox: Outbox,
    publish: Publish,
    topics: Mapping[str, str],
    *,
    budget_s: float,
    clock: Callable[[], float] = time.monotonic,
) -> int:
    """
    Announce unsent rows for at most about `budget_s` seconds; return how many.

    `topics` maps a kind of entity to the topic that announces it. A kind without topic stays
    unsent, and shows as the oldest unsent row in the status.
    """
    deadline = clock() + budget_s
    sent = 0
    while clock() < deadline:
        token = str(uuid4())
        claimed = outbox.claim(token, _CLAIM, _LEASE_S)
        if not claimed:
            break
        known = [ref for ref in claimed if ref.kind in topics]
        if known:
            publish(announcements(known, topics))
            outbox.settle(token, known)
        sent += len(known)
        if len(claimed) < _CLAIM:
            break
    return sent


def announcements(refs: Sequence[Ref], topics: Mapping[str, str]) -> list[Event]:
    """Return the events that announce refs: full batches per topic, a trace per event."""
    by_topic: dict[str, list[Ref]] = {}
    for ref in refs:
        by_topic.setdefault(topics[ref.kind], []).append(ref)
    return [
        Event(event.topic, event.refs, new_traceparent())
        for topic, wanted in by_topic.items()
        for event in events(topic, wanted, "")
    ]
