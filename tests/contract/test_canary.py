"""The canary on real databases: it passes through every chain, and a chain that stops is named."""

from __future__ import annotations

import json

import pytest

from functions.upkeep.run_canary import patrol
from shared import catalog
from shared.canary import UID, Passage, is_canary, stalled
from shared.resyncing import kinds
from shared.stores.core import CoreDatabase
from shared.stores.supabase import Supabase
from tests.contract.real_stores import RealStores, Sql


@pytest.fixture(name="to")
def _to(core: CoreDatabase, sql: Sql, supabase: Supabase, supabase_sql: Sql) -> RealStores:
    return RealStores(core, sql, supabase, supabase_sql)


def later(to: RealStores) -> None:
    """Let ten minutes pass."""
    for statement in (
        "update sync.canary set touched_at = touched_at - interval '10 minutes'",
        "update sync.ledger set updated_at = updated_at - interval '10 minutes'",
    ):
        to.core_sql.execute(statement.encode())


def alarms(to: RealStores) -> dict[str, str]:
    rows = to.core_sql.execute("select kind, stalled_step from sync.canary").fetchall()
    return {row["kind"]: row["stalled_step"] for row in rows if row["stalled_step"]}


def period(to: RealStores) -> dict[str, str]:
    """Run the canary, let the chains work and time pass; return the alarms it raised."""
    found = patrol(to)["stalled"]
    to.run()
    later(to)
    return found


def test_it_passes_through_every_chain_again_and_again(to: RealStores) -> None:
    assert [period(to) for _ in range(4)] == [{}, {}, {}, {}]
    rows = to.core_sql.execute("select kind from sync.canary order by kind").fetchall()
    assert {"document", "prescription", "user"} <= {row["kind"] for row in rows}
    done = {
        row["step"]
        for row in to.core_sql.execute(
            "select distinct step from sync.journal where state = 'done'"
        ).fetchall()
    }
    assert {"store_user", "mirror_user", "admit_user", "store_document"} <= done
    assert {"mirror_prescription", "index_prescription"} <= done
    assert alarms(to) == {}


@pytest.mark.parametrize(
    ("step", "kind"),
    [
        (step.name, kind)
        for kind in ("user", "document", "prescription", "appointment")
        for step in kinds()[kind].chain()
    ],
)
def test_a_step_that_stands_still_is_named_within_two_periods_and_cleared_when_it_moves(
    to: RealStores,
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
    later(to)
    capsys.readouterr()
    assert patrol(to)["stalled"] == {kind: step}
    assert alarms(to) == {kind: step}
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (line,) = [line for line in lines if line["message"] == "canary_stalled"]
    assert (line["severity"], line["step"], line["kind"]) == ("ERROR", step, kind)
    to.run()
    later(to)
    assert period(to) == {}
    assert alarms(to) == {}


def test_a_touch_that_may_still_travel_is_neither_judged_nor_repeated(to: RealStores) -> None:
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
