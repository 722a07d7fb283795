"""
Where a history plays: the places, the clock, what is told of it, and what strikes its effects.

A fault strikes at an effect, inside the call it was meant for.
"""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from shared import ids, settings
from tests.memory.clients import MemoryClients
from tests.simulation.calling import Attempt
from tests.simulation.faults import KINDS, Crash, place_of, strike
from tests.simulation.moves import Fault, Storm
from tests.simulation.race import Pause
from tests.simulation.triggers import Trigger, of_document

if TYPE_CHECKING:
    from shared.stores.firestore import Snapshot

MAX_ATTEMPTS = 5  # deliveries before a dead letter: few, so that histories reach it
_TICK_S = 0.001


@dataclass
class Stage:
    """
    The places and their clock. `told` narrates what happened, line by line; `triggers` are events
    on their way.
    """

    now: float = 1_000_000.0
    to: MemoryClients = field(default_factory=lambda: MemoryClients(max_attempts=MAX_ATTEMPTS))
    triggers: list[Trigger] = field(default_factory=list[Trigger])
    told: list[str] = field(default_factory=list[str])
    # Notes laid into inboxes: path, what it is about, and when the call began that laid it.
    noted: list[tuple[str, tuple[str, str], float]] = field(
        default_factory=list[tuple[str, tuple[str, str], float]]
    )
    linked: set[str] = field(default_factory=set[str])  # the notes that were laid with a link
    storms: dict[str, Storm] = field(default_factory=dict[str, Storm])  # by place
    _attempts: dict[int, Attempt] = field(default_factory=dict[int, Attempt])

    def __post_init__(self) -> None:
        for place in self.to.places:
            place.hook = self._hook
            place.clock = lambda: self.now
        self.to.firebase.watch = self._written

    @contextmanager
    def calling(self, name: str, faults: tuple[Fault, ...], pause: Pause | None) -> Generator[None]:
        """Around a call in this thread: its faults strike, and a crash ends it."""
        self.told.append(name)
        attempt = Attempt(name, faults, pause, len(self.told) - 1, self.now)
        self._attempts[threading.get_ident()] = attempt
        try:
            yield
        except Crash:
            self.tell("crashed")
        finally:
            del self._attempts[threading.get_ident()]

    def tell(self, what: str) -> None:
        """Add to the narration of the call in this thread."""
        attempt = self._attempts.get(threading.get_ident())
        if attempt is not None:
            self.told[attempt.line] += f"  -> {what}"

    def _hook(self, moment: str, effect: str) -> None:
        """Before and after every effect: time passes, others may go on, faults strike."""
        self.now += _TICK_S
        attempt = self._attempts.get(threading.get_ident())
        if attempt is None:
            return
        if moment == "before":
            if attempt.pause is not None:
                attempt.pause()
            attempt.effects += 1
            self._blow(effect)
        for fault in attempt.faults:
            if fault.at == attempt.effects and KINDS[fault.kind] == moment:
                self.tell(f"{fault.kind} at {effect}")
                raise strike(fault.kind, effect)

    def _written(self, path: str, before: Snapshot | None, after: Snapshot | None) -> None:
        """Firestore tells of a document: the functions that listen, and of a note its patient."""
        if trigger := of_document(path, before, after):
            self.triggers.append(trigger)
        attempt = self._attempts.get(threading.get_ident())
        if "/inbox/" in path and after and after.data and attempt:
            if before is None or not before.data:
                self.noted.append((path, self._told_of(path), attempt.began))
            if "reference" in after.data:
                self.linked.add(path)

    def _told_of(self, path: str) -> tuple[str, str]:
        """Return what a note was claimed for; it need not say so itself."""
        for (kind, key, version), row in self.to.memory_core.claims.items():
            note = ids.notification_id(settings.id_namespace(), kind, key, version)
            if path == f"users/{row['uid']}/inbox/{note}":
                return kind, key
        return "note", path

    def _blow(self, effect: str) -> None:
        place = place_of(effect)
        storm = self.storms.get(place)
        if storm is not None:
            self.storms[place] = Storm(place, storm.kind, storm.effects - 1)
            if storm.effects <= 1:
                del self.storms[place]
            self.tell(f"{storm.kind} at {effect}")
            raise strike(storm.kind, effect)
