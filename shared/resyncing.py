"""
Announce entities again, all of a kind or some: first load, repair and support in one way.

Rows of the outbox are marked unsent page by page, in key order, and relayed before the next page is
marked: at most one page waits, so that live changes never queue behind a backlog. Firebase has no
outbox; its accounts are listed and published. What follows is the ordinary chain.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from shared import catalog
from shared.prices import Quote, quote
from shared.reconciliations import announcer
from shared.relay import drain
from shared.stores.core_resyncs import CoreResyncs, Resync, measure_uploads

if TYPE_CHECKING:
    from shared.clients import Clients
    from shared.relay import Outbox

_PAGE = 1_000
_RELAY_S = 60.0
_EMBEDDING = "OPENAI_API_KEY"  # a step that has this secret embeds text


class Progress(Protocol):
    """Where progress is kept."""

    def note(self, resync: Resync) -> None: ...


Page = Callable[[str | None, int], tuple[str | None, int]]


@dataclass(frozen=True)
class Kind:
    """A kind of entity and the place it comes from."""

    name: str
    place: str

    @property
    def topic(self) -> str:
        """The topic that announces it."""
        return catalog.load().announced_by(self.place)[self.name]

    def chain(self) -> list[catalog.Function]:
        """Return the steps that an announcement passes through."""
        steps, topics = list[catalog.Function](), [self.topic]
        while topics:
            for step in catalog.load().consumers(topics.pop()):
                if step not in steps:
                    steps.append(step)
                    topics += step.emits
        return steps


def kinds() -> dict[str, Kind]:
    """Return what can be announced, by name; users of core beside those of Firebase."""
    listed = [
        Kind(kind, place)
        for place in ("firebase", "supabase", "core")
        for kind in catalog.load().announced_by(place)
    ]
    found: dict[str, Kind] = {}
    for kind in listed:
        found[kind.name if kind.name not in found else f"{kind.place}-{kind.name}"] = kind
    return found


def estimate(kind: Kind, to: Clients) -> Quote:
    """Return what announcing all of a kind costs at most. Accounts are counted as core's users."""
    if kind.place == "supabase":
        entities, characters = measure_uploads(to.supabase)
    else:
        entities, characters = CoreResyncs(to.core).measure(kind.name)
    steps = kind.chain()
    embedded = characters if any(_EMBEDDING in step.secrets for step in steps) else 0
    return quote(entities, len(steps), embedded)


def resync(
    kind: Kind,
    to: Clients,
    *,
    most: int | None = None,
    per_second: float = 500,
    resume: bool = False,
    page_size: int = _PAGE,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Resync]:
    """
    Announce all of a kind; yield where it is after every page. Stops hard after `most` entities
    (state "budget"), from where `resume` goes on with a budget of its own.
    """
    progress = CoreResyncs(to.core)
    state = progress.begin(kind.name, kind.place, most, resume=resume)
    pages, relay = _pages(kind, to), _relay(kind, to)
    before = state.announced
    while state.state == "running":
        size = page_size if most is None else min(page_size, most - (state.announced - before))
        if size <= 0:
            state.state = "budget"
        else:
            after, announced = pages(state.after, size)
            state.announced += announced
            state.after = after
            if after is None:
                state.state = "done"
            relay()
            sleep(announced / per_second)
        progress.note(state)
        yield state


def resync_some(kind: Kind, keys: Sequence[str], to: Clients) -> int:
    """Announce these entities again, at once; return how many."""
    announce, relay = announcer(kind.place, kind.name, to), _relay(kind, to)
    for start in range(0, len(keys), _PAGE):
        announce(keys[start : start + _PAGE])
        relay()
    return len(keys)


def _pages(kind: Kind, to: Clients) -> Page:
    if kind.place == "core":
        return lambda after, size: to.core_outbox.announce_page(kind.name, after, size)
    if kind.place == "supabase":
        return lambda after, size: to.supabase_outbox.announce_page(kind.name, after, size)
    announce = announcer(kind.place, kind.name, to)

    def accounts(after: str | None, size: int) -> tuple[str | None, int]:
        listed, token = to.accounts.page(after, size)
        announce([account.uid for account, _ in listed])
        return token, len(listed)

    return accounts


def _relay(kind: Kind, to: Clients) -> Callable[[], object]:
    topics = catalog.load().announced_by(kind.place)
    if kind.place == "firebase":
        return lambda: None
    outbox: Outbox = to.core_outbox if kind.place == "core" else to.supabase_outbox
    return lambda: drain(outbox, to.publish, topics, budget_s=_RELAY_S)
