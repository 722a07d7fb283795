"""Whichever place stands still, status turns unhealthy and names it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from functions.upkeep.run_canary import patrol
from shared import catalog
from shared.events import Event, Ref, new_traceparent
from shared.repair.canary_ways import erasing_steps, watches
from shared.status.standing import Status
from shared.status.status import overall
from shared.stores.core import CoreDatabase
from shared.stores.supabase import Supabase
from tests.contract.real_stores import RealStores, Sql
from tests.contract.test_canary import later, period, steps

Consumers = Callable[[catalog.Catalog, str], list[catalog.Function]]
DOCUMENT = "3f2b8a54-0c5c-4d0b-9a53-7a4a2f5f0009"


@pytest.fixture(name="to")
def _to(core: CoreDatabase, sql: Sql, supabase: Supabase, supabase_sql: Sql) -> RealStores:
    return RealStores(core, sql, supabase, supabase_sql)


def unhealthy(status: Status) -> set[str]:
    places = {cause.place for cause in status.causes if cause.severity == "unhealthy"}
    assert (status.status == "unhealthy") is bool(places)
    return places


def all_but(name: str) -> Consumers:
    """Return the consumers of a topic without one: its subscription is gone."""
    consumers = catalog.Catalog.consumers

    def others(self: catalog.Catalog, topic: str) -> list[catalog.Function]:
        return [function for function in consumers(self, topic) if function.name != name]

    return others


@pytest.mark.parametrize("way", watches())
def test_each_step_that_stands_still_is_named(
    to: RealStores, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    period(to)
    period(to)
    for step in steps(way):
        patrol(to)
        to.run()
        later(to)
        assert unhealthy(overall(to)) == set()
        with monkeypatch.context() as broken:
            broken.setattr(catalog.Catalog, "consumers", all_but(step))
            period(to)
        patrol(to)
        assert unhealthy(overall(to)) == {step}
        to.run()
        period(to)
        period(to)


@pytest.mark.parametrize("step", [s.name for s in erasing_steps() if s.name != "bury_user"])
def test_a_patients_erasure_that_stands_still_is_named(
    to: RealStores, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a deletion that `bury_user` does not take, core knows nothing: the canary names it."""
    to.sign_up("u1", email="a@example.com")
    to.publish([Event("user-changed", (Ref("user", "u1"),), new_traceparent())])
    to.run()
    to.core_erasures.order("u1", "op-1")
    with monkeypatch.context() as broken:
        broken.setattr(catalog.Catalog, "consumers", all_but(step))
        to.run()
    to.core_sql.execute("update sync.awaited set since = since - interval '3 minutes'")
    assert unhealthy(overall(to)) == {step}


def test_a_relay_that_stands_still_is_named(to: RealStores) -> None:
    to.put_patients(1, 1)
    assert "relay_core_outbox" in unhealthy(overall(to, late_s=0))
    to.run()
    to.upload(DOCUMENT, "u1", {"medications": []})
    assert "relay_supabase_outbox" in unhealthy(overall(to, late_s=0))
    to.run()
    assert unhealthy(overall(to, late_s=0)) == set()
