"""
Announce entities again, all of a kind or some: first load, repair and support in one way.

Rows of the outbox are marked unsent page by page, in key order, and relayed before the next page is
marked: at most one page waits, so that live changes never queue behind a backlog. Firebase has no
outbox: its accounts and Firestore's profiles are listed and published. What follows is the ordinary
chain.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from shared import catalog
from shared.people.doctor_reading import is_profile
from shared.relay import drain
from shared.repair.prices import Quote, quote
from shared.repair.reconciliations import announcer
from shared.stores.core_resyncs import CoreResyncs, Resync, measure_uploads

if TYPE_CHECKING:
    from shared.clients import Clients
    from shared.relay import Outbox

_PAGE = 1_000
_RELAY_S = 60.0
_ORDER = "erasure"  # an order that is carried out once; its relay repeats it as long as it must
_EMBEDDING = "OPENAI_API_KEY"  # a step that has this secret embeds text


class Progress(Protocol):
    """Where progress is kept."""

    def note(self, resync: Resync) -> None: ...


Page = Callable[[str | None, int], tuple[str | None, int]]


@dataclass(frozen=True)
class Kind:
    """
    What can be announced: `name` as operators call it, `kind` as events do, and the place it comes
    from.
    """

    name: str
    kind: str
    place: str

    @property
    def topic(self) -> str:
        """The topic that announces it."""
        return catalog.load().announced_by(self.place)[self.kind]

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
    """
    Return what can be announced, by name: `user` from Firebase Auth and `core-user` from core,
    `profile` and `doctor` from Firestore, and the others by their kind.
    """
    known = catalog.load()
    places = dict.fromkeys(t["announced_by"] for t in known.topics.values() if "announced_by" in t)
    listed: list[Kind] = []
    for place in places:
        for kind, topic in known.announced_by(place).items():
            if kind == _ORDER:
                continue
            name = kind if "/" not in place else topic.removesuffix("-changed")
            taken = name in {other.name for other in listed}
            listed.append(Kind(f"{place}-{name}" if taken else name, kind, place))
    return {kind.name: kind for kind in listed}


def estimate(kind: Kind, to: Clients) -> Quote:
    """Return what announcing all of a kind costs at most."""
    entities, characters = _measure(kind, to)
    steps = kind.chain()
    embedded = characters if any(_EMBEDDING in step.secrets for step in steps) else 0
    return quote(entities, len(steps), embedded)


def _measure(kind: Kind, to: Clients) -> tuple[int, float]:
    """Return how many there are, and their characters on average where that is known."""
    if kind.place == "supabase":
        return measure_uploads(to.supabase)
    if kind.place == "core":
        return CoreResyncs(to.core).measure(kind.kind)
    if kind.place != "firebase":
        return to.firestore.count(_collection(kind)), 0.0
    entities, token = 0, None  # listed, for core may not know them yet
    while True:
        accounts, token = to.accounts.page(token)
        entities += len(accounts)
        if token is None:
            return entities, 0.0


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
    state = progress.begin(kind.kind, kind.place, most, resume=resume)
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
    announce, relay = announcer(kind.place, kind.kind, to), _relay(kind, to)
    for start in range(0, len(keys), _PAGE):
        announce(keys[start : start + _PAGE])
        relay()
    return len(keys)


def _pages(kind: Kind, to: Clients) -> Page:
    if kind.place == "core":
        return lambda after, size: to.core_outbox.announce_page(kind.kind, after, size)
    if kind.place == "supabase":
        return lambda after, size: to.supabase_outbox.announce_page(kind.kind, after, size)
    announce = announcer(kind.place, kind.kind, to)

    def accounts(after: str | None, size: int) -> tuple[str | None, int]:
        listed, token = to.accounts.page(after, size)
        announce([account.uid for account, _ in listed])
        return token, len(listed)

    def documents(after: str | None, size: int) -> tuple[str | None, int]:
        listed = to.firestore.page(_collection(kind), after, size, ["uid"])
        found = [(at.rpartition("/")[2], snapshot.data or {}) for at, snapshot in listed]
        uids = [uid for uid, fields in found if kind.name != "doctor" or is_profile(uid, fields)]
        announce(uids)
        return listed[-1][0] if len(listed) == size else None, len(uids)

    return accounts if kind.place == "firebase" else documents


def _collection(kind: Kind) -> str:
    return kind.place.removeprefix("firestore/")


def _relay(kind: Kind, to: Clients) -> Callable[[], object]:
    topics = catalog.load().announced_by(kind.place)
    if kind.place not in {"core", "supabase"}:
        return lambda: None
    outbox: Outbox = to.core_outbox if kind.place == "core" else to.supabase_outbox
    return lambda: drain(outbox, to.publish, topics, budget_s=_RELAY_S)
