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
        with self._bus.effect("dead_letters.pull"):
            kept = list(self._bus.kept)
        # Core is asked in between: within an effect of the bus, a worker that waits for its turn at
        # core would hold the bus, and the worker whose turn it is might wait for that.
        whose = [set(owners(refs_of(data)).values()) for data in kept]
        with self._bus.effect("dead_letters.erase"):
            for data, erasures in zip(kept, whose, strict=True):
                if erasures and data in self._bus.kept:
                    self._bus.kept.remove(data)
            return Counter(erasure for erasures in whose for erasure in erasures), True
