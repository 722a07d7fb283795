"""The canary on the stores of the simulation: it travels there as it does on databases."""

from __future__ import annotations

import time

import pytest

from functions.upkeep.run_canary import patrol
from shared import catalog
from shared.events import Event, Ref, new_traceparent
from shared.relay import drain
from shared.repair.canary import DOCTOR_UID, UID
from shared.repair.canary_ways import watches
from tests.contract.test_canary import steps
from tests.memory.clients import MemoryClients


class Travelled(MemoryClients):
    """All stores in memory, and a clock that a test moves on."""

    def __init__(self) -> None:
        super().__init__(max_attempts=5)
        self._later_s = 0.0
        self.memory_core.clock = lambda: time.monotonic() + self._later_s

    def period(self) -> dict[str, str]:
        """Run the canary, let the chains work and ten minutes pass; return the alarms."""
        found = patrol(self)["stalled"]
        self._drain()
        for topic, uid in (("profile-changed", UID), ("doctor-changed", DOCTOR_UID)):
            self.publish([Event(topic, (Ref("user", uid),), new_traceparent())])
        self._drain()
        self._later_s += 600
        return found

    def _drain(self) -> None:
        topics = catalog.load().announced_by
        while True:
            sent = drain(self.core_outbox, self.publish, topics("core"), budget_s=60)
            sent += drain(self.supabase_outbox, self.publish, topics("supabase"), budget_s=60)
            if not sent and not self.bus.pending:
                return
            self.bus.run_until_quiet(self)


def test_it_passes_through_every_chain() -> None:
    to = Travelled()
    assert [to.period() for _ in range(4)] == [{}, {}, {}, {}]
    assert to.memory_core.canary.keys() == watches().keys()


@pytest.mark.parametrize("way", watches())
def test_each_step_that_stands_still_is_named_and_cleared_when_it_moves(
    way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    to = Travelled()
    to.period()
    to.period()
    consumers = catalog.Catalog.consumers
    for step in steps(way):

        def deaf(self: catalog.Catalog, topic: str, step: str = step) -> list[catalog.Function]:
            return [f for f in consumers(self, topic) if f.name != step]

        with monkeypatch.context() as broken:
            broken.setattr(catalog.Catalog, "consumers", deaf)
            to.period()
        assert to.period()[way] == step
        assert way not in to.period()
