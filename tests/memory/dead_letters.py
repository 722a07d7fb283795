"""The dead letters that Pub/Sub keeps, in memory."""

from __future__ import annotations

from collections import Counter

from shared.stores.dead_letters import Owners, refs_of
from tests.memory.bus import MemoryBus


class MemoryDeadLetters:
    """Reads and deletes kept dead letters."""

    def __init__(self, bus: MemoryBus) -> None:
        self._bus = bus

    def erase(self, owners: Owners) -> tuple[Counter[str], bool]:
        """Delete every dead letter that names an erased entity."""
        with self._bus.effect("dead_letters.erase"):
            erased, others = Counter[str](), list[bytes]()
            for data in self._bus.kept:
                whose = set(owners(refs_of(data)).values())
                erased.update(whose)
                others += [] if whose else [data]
            self._bus.kept = others
            return erased, True
