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
from dataclasses import replace
from typing import Protocol
from uuid import uuid4

from shared import catalog, log, settings
from shared.events import Event, Ref, events, flaw, traceparent
from shared.observability import tracing
from shared.outcomes import Outcome
from shared.runner import Batch, Publish, Record

LEASE_S = 60
_CLAIM = 1000  # also as many rows as PostgREST returns at once by default
_PURGE = 10_000


class Outbox(Protocol):
    """Core's or Supabase's outbox."""

    def claim(self, token: str, limit: int, lease_s: int) -> list[Ref]: ...

    def settle(self, token: str, sent: Sequence[Ref]) -> None: ...


class SweptOutbox(Outbox, Protocol):
    """An outbox that the schedule also tidies."""

    def purge(self, days: int, limit: int) -> int: ...


def sweep(
    name: str, place: str, outbox: SweptOutbox, publish: Publish, record: Record, *, budget_s: float
) -> dict[str, int]:
    """Do all of a scheduled relay's work for one place; return what it answers."""

    def park(poison: Sequence[Outcome]) -> None:
        refs = tuple(outcome.ref for outcome in poison)
        record(Batch(name, refs, tracing.continued()), poison)
        log.event("unannounceable", severity="ERROR", step=name, parked=len(poison))

    topics = catalog.load().announced_by(place)
    sent = drain(outbox, publish, topics, budget_s=budget_s, park=park)
    outbox.purge(settings.outbox_retention_days(), _PURGE)
    if sent:
        log.event("relayed", step=name, count=sent)
    return {"announced": sent}


def drain(
    outbox: Outbox,
    publish: Publish,
    topics: Mapping[str, str],
    *,
    budget_s: float,
    park: Callable[[Sequence[Outcome]], None] | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> int:
    """
    Announce unsent rows for at most about `budget_s` seconds; return how many.

    `topics` maps a kind of entity to the topic that announces it. A row that cannot be announced (a
    kind without topic, a key that cannot be an event) is handed to `park` and settled, so that it
    is on record, holds up nobody and comes again when it changes; without `park` it stays leased
    and is left to a relay that can record it.
    """
    deadline = clock() + budget_s
    sent = 0
    while clock() < deadline:
        token = str(uuid4())
        claimed = outbox.claim(token, _CLAIM, LEASE_S)
        poison = [Outcome(r, "parked", code) for r in claimed if (code := _obstacle(r, topics))]
        unfit = {outcome.ref for outcome in poison}
        fit = [ref for ref in claimed if ref not in unfit]
        if fit:
            publish(announcements(fit, topics))
        if poison and park:
            park(poison)
        settled = claimed if park else fit
        if settled:
            outbox.settle(token, settled)
        sent += len(fit)
        if len(claimed) < _CLAIM:
            break
    return sent


def announcements(refs: Sequence[Ref], topics: Mapping[str, str]) -> list[Event]:
    """
    Return the events that announce refs: full batches per topic. One whose refs were all changed
    under one trace goes on with it; else a single event goes on with the relay's own, and of many
    each starts a trace, so that a sweep of thousands is not one trace.
    """
    by_topic: dict[str, list[Ref]] = {}
    for ref in refs:
        by_topic.setdefault(topics[ref.kind], []).append(ref)
    made = [event for topic, wanted in by_topic.items() for event in events(topic, wanted, "")]
    otherwise = tracing.here() if len(made) == 1 else ""
    return [replace(event, traceparent=_cause(event.refs) or otherwise) for event in made]


def _cause(refs: Sequence[Ref]) -> str:
    """Return the traceparent that all refs were changed under, "" if there is no such one."""
    causes = {ref.trace for ref in refs}
    return traceparent(causes.pop()) if len(causes) == 1 else ""


def _obstacle(ref: Ref, topics: Mapping[str, str]) -> str | None:
    return flaw(ref) or (None if ref.kind in topics else "kind_without_topic")
