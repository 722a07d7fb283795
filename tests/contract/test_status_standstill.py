"""Whichever place stands still, status turns unhealthy and names it."""

from __future__ import annotations

import pytest

from functions.upkeep.run_canary import patrol
from shared import catalog
from shared.repair.canary_ways import watches
from shared.repair.resyncing import kinds
from shared.status.standing import Status
from shared.status.status import overall
from shared.stores.core import CoreDatabase
from shared.stores.supabase import Supabase
from tests.contract.real_stores import RealStores, Sql
from tests.contract.test_canary import later, period

DOCUMENT = "3f2b8a54-0c5c-4d0b-9a53-7a4a2f5f0009"


@pytest.fixture(name="to")
def _to(core: CoreDatabase, sql: Sql, supabase: Supabase, supabase_sql: Sql) -> RealStores:
    return RealStores(core, sql, supabase, supabase_sql)


def unhealthy(status: Status) -> set[str]:
    places = {cause.place for cause in status.causes if cause.severity == "unhealthy"}
    assert (status.status == "unhealthy") is bool(places)
    return places


@pytest.mark.parametrize("way", watches())
def test_each_step_that_stands_still_is_named(
    to: RealStores, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    period(to)
    period(to)
    consumers = catalog.Catalog.consumers
    for step in [step.name for step in kinds()[way].chain()]:

        def deaf(self: catalog.Catalog, topic: str, step: str = step) -> list[catalog.Function]:
            return [f for f in consumers(self, topic) if f.name != step]

        patrol(to)
        to.run()
        later(to)
        assert unhealthy(overall(to)) == set()
        with monkeypatch.context() as broken:
            broken.setattr(catalog.Catalog, "consumers", deaf)
            period(to)
        patrol(to)
        assert unhealthy(overall(to)) == {step}
        to.run()
        period(to)
        period(to)


def test_a_relay_that_stands_still_is_named(to: RealStores) -> None:
    to.put_patients(1, 1)
    assert "relay_core_outbox" in unhealthy(overall(to, late_s=0))
    to.run()
    to.upload(DOCUMENT, "u1", {"medications": []})
    assert "relay_supabase_outbox" in unhealthy(overall(to, late_s=0))
    to.run()
    assert unhealthy(overall(to, late_s=0)) == set()
