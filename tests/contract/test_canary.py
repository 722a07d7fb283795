"""
The canary, in memory and on real databases: it passes through every chain, and a chain that stops
is named.
"""

from __future__ import annotations

import json
import time

import pytest

from functions.upkeep.run_canary import patrol
from shared import catalog
from shared.canary import UID, Passage, is_canary, stalled
from shared.relay import drain
from shared.resyncing import kinds
from tests.contract.real_stores import RealStores
from tests.memory.clients import MemoryClients


class OnDatabases(RealStores):
    """The canary in core's and Supabase's own databases."""

    def later(self) -> None:
        """Let ten minutes pass."""
        for statement in (
            "update sync.canary set touched_at = touched_at - interval '10 minutes'",
            "update sync.ledger set updated_at = updated_at - interval '10 minutes'",
        ):
            self.core_sql.execute(statement.encode())

    def alarms(self) -> dict[str, str]:
        """Return the stalled step of each kind that has one."""
        rows = self.core_sql.execute("select kind, stalled_step from sync.canary").fetchall()
        return {row["kind"]: row["stalled_step"] for row in rows if row["stalled_step"]}

    def done(self) -> set[str]:
        """Return the steps that have done something."""
        rows = self.core_sql.execute("select step from sync.journal where state = 'done'")
        return {row["step"] for row in rows.fetchall()}


class InMemory(MemoryClients):
    """The canary in the stores of the simulation."""

    def __init__(self) -> None:
        super().__init__(max_attempts=5)
        self._later_s = 0.0
        self.memory_core.clock = lambda: time.monotonic() + self._later_s

    def run(self) -> None:
        """Relay both outboxes and deliver, until nothing is open."""
        topics = catalog.load().announced_by
        while True:
            sent = drain(self.core_outbox, self.publish, topics("core"), budget_s=60)
            sent += drain(self.supabase_outbox, self.publish, topics("supabase"), budget_s=60)
            if not sent and not self.bus.pending:
                return
            self.bus.run_until_quiet(self)

    def later(self) -> None:
        """Let ten minutes pass."""
        self._later_s += 600

    def alarms(self) -> dict[str, str]:
        """Return the stalled step of each kind that has one."""
        rows = self.memory_core.canary.items()
        return {kind: row["stalled_step"] for kind, row in rows if row["stalled_step"]}

    def done(self) -> set[str]:
        """Return the steps that have done something."""
        return {row.step for row in self.memory_core.journal_rows if row.state == "done"}


World = OnDatabases | InMemory


@pytest.fixture(name="to", params=["memory", "postgres"])
def _to(request: pytest.FixtureRequest) -> World:
    if request.param == "memory":
        return InMemory()
    value = request.getfixturevalue
    return OnDatabases(value("core"), value("sql"), value("supabase"), value("supabase_sql"))


def period(to: World) -> dict[str, str]:
    """Run the canary, let the chains work and time pass; return the alarms it raised."""
    found = patrol(to)["stalled"]
    to.run()
    to.later()
    return found


def test_it_passes_through_every_chain_again_and_again(to: World) -> None:
    assert [period(to) for _ in range(4)] == [{}, {}, {}, {}]
    assert to.core_canary.passages().keys() == {"user", "document", "appointment", "prescription"}
    done = to.done()
    assert {"store_user", "mirror_user", "admit_user", "store_document"} <= done
    assert {"mirror_prescription", "index_prescription"} <= done
    assert to.alarms() == {}


@pytest.mark.parametrize(
    ("step", "kind"),
    [
        (step.name, kind)
        for kind in ("user", "document", "prescription", "appointment")
        for step in kinds()[kind].chain()
    ],
)
def test_a_step_that_stands_still_is_named_within_two_periods_and_cleared_when_it_moves(
    to: World,
    step: str,
    kind: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    period(to)
    period(to)
    consumers = catalog.Catalog.consumers

    def deaf(self: catalog.Catalog, topic: str) -> list[catalog.Function]:
        return [f for f in consumers(self, topic) if f.name != step]

    with monkeypatch.context() as broken:
        broken.setattr(
            catalog.Catalog,
            "consumers",
            deaf,
        )
        patrol(to)
        to.run()  # the step's subscription is gone: nobody hears the topic
    to.later()
    capsys.readouterr()
    assert patrol(to)["stalled"] == {kind: step}
    assert to.alarms() == {kind: step}
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (line,) = [line for line in lines if line["message"] == "canary_stalled"]
    assert (line["severity"], line["step"], line["kind"]) == ("ERROR", step, kind)
    to.run()
    to.later()
    assert period(to) == {}
    assert to.alarms() == {}


def test_a_touch_that_may_still_travel_is_neither_judged_nor_repeated(to: World) -> None:
    patrol(to)
    published = len(to.bus.published)
    assert patrol(to) == {"stalled": {}, "judged": 0}
    assert len(to.bus.published) == published


def test_a_parked_canary_is_an_alarm_though_it_is_fresh() -> None:
    passages = {"store_document": Passage("parked", fresh=True)}
    assert stalled("document-changed", passages) == "store_document"


def test_only_the_reserved_prefix_is_a_canary() -> None:
    assert is_canary(UID)
    assert not is_canary("xCanary-1")
