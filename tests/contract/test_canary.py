"""The canary on real databases: it passes through every chain, and a chain that stops is named."""

from __future__ import annotations

import json

import pytest

from functions.upkeep.run_canary import patrol
from shared import catalog
from shared.events import Event, Ref, new_traceparent
from shared.repair.canary import DOCTOR_UID, PREFIX, UID, is_canary
from shared.repair.canary_ways import erasing_steps, stalled, watches
from shared.repair.resyncing import kinds
from shared.stores.core import CoreDatabase
from shared.stores.supabase import Supabase
from tests.contract.real_stores import RealStores, Sql

BURIED = "select 1 from sync.tombstones"


@pytest.fixture(name="to")
def _to(core: CoreDatabase, sql: Sql, supabase: Supabase, supabase_sql: Sql) -> RealStores:
    return RealStores(core, sql, supabase, supabase_sql)


def later(to: RealStores) -> None:
    """Let ten minutes pass."""
    for statement in (
        "update sync.canary set touched_at = touched_at - interval '10 minutes'",
        "update sync.ledger set updated_at = updated_at - interval '10 minutes'",
        "update sync.journal set at = at - interval '10 minutes'",
    ):
        to.core_sql.execute(statement.encode())


def alarms(to: RealStores) -> dict[str, str]:
    rows = to.core_sql.execute("select kind, stalled_step from sync.canary").fetchall()
    return {row["kind"]: row["stalled_step"] for row in rows if row["stalled_step"]}


def triggers(to: RealStores) -> None:
    """Announce the canaries' profiles as Firestore's triggers do."""
    for topic, uid in (("profile-changed", UID), ("doctor-changed", DOCTOR_UID)):
        to.publish([Event(topic, (Ref("user", uid),), new_traceparent())])


def period(to: RealStores) -> dict[str, str]:
    """Run the canary, let the chains work and time pass; return the alarms it raised."""
    found = patrol(to)["stalled"]
    to.run()
    triggers(to)
    to.run()
    later(to)
    return found


def steps(way: str) -> list[str]:
    """Return the steps that a way passes through; those of an erasure are a way each."""
    return [step.name for step in kinds()[way].chain()] if way in kinds() else [way]


def test_it_passes_through_every_chain_again_and_again(to: RealStores) -> None:
    assert [period(to) for _ in range(4)] == [{}, {}, {}, {}]
    rows = to.core_sql.execute("select kind from sync.canary").fetchall()
    assert {row["kind"] for row in rows} == watches().keys()
    passed = to.core_sql.execute("select distinct step from sync.journal").fetchall()
    assert {row["step"] for row in passed} == {step for way in watches() for step in steps(way)}
    assert alarms(to) == {}


def test_the_ways_pass_through_every_step_of_the_catalog() -> None:
    passed = {step for way in watches() for step in steps(way)}
    assert passed == {step.name for step in catalog.load().steps()} - {"park_dead_letter"}


@pytest.mark.parametrize("way", watches())
def test_each_step_that_stands_still_is_named_within_two_periods_and_cleared_when_it_moves(
    to: RealStores, way: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    period(to)
    assert period(to) == {}
    consumers = catalog.Catalog.consumers
    for step in steps(way):

        def deaf(self: catalog.Catalog, topic: str, step: str = step) -> list[catalog.Function]:
            return [f for f in consumers(self, topic) if f.name != step]

        with monkeypatch.context() as broken:
            broken.setattr(catalog.Catalog, "consumers", deaf)
            period(to)  # the step's subscription is gone: nobody hears the topic
        capsys.readouterr()
        found = period(to)
        assert found[way] == step
        assert set(found.values()) == {step}
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        alarm = {(line["severity"], line["step"], line["kind"]) for line in lines
                 if line["message"] == "canary_stalled"}  # fmt: skip
        assert ("ERROR", step, way) in alarm
        assert period(to) == {}
        assert alarms(to) == {}


@pytest.mark.parametrize(
    ("deaf", "named"),
    [
        ("core", {"appointment": "show_appointment", "prescription": "copy_prescription_pdf"}),
        ("supabase", {"document": "store_document"}),
        ("firestore", {"profile": "store_profile", "doctor": "store_doctor"}),
    ],
)
def test_a_relay_or_a_trigger_that_stands_still_is_noticed_by_the_step_it_starts(
    to: RealStores, deaf: str, named: dict[str, str]
) -> None:
    period(to)
    assert period(to) == {}
    patrol(to)
    to.run(without=deaf)
    if deaf != "firestore":
        triggers(to)
    to.run(without=deaf)
    later(to)
    assert period(to) == named
    assert period(to) == {}


def test_a_canary_is_told_nothing_and_counted_nowhere(to: RealStores) -> None:
    for _ in range(2):
        period(to)
    assert to.at_core("select 1 from notifications") == []
    assert to.at_core("select 1 from sync.notifications") == []
    assert to.at_core("select 1 from sync.told") == []
    assert to.firebase.under(f"users/{UID}/inbox") == {}
    people = (
        "select 1 from users where firebase_uid is not null and not sync.is_canary(firebase_uid)"
    )
    assert to.at_core(people) == []
    assert {is_canary(uid) for uid in to.firebase.account_rows} == {True}


def test_an_erasure_of_nobody_erases_nobody_and_leaves_nothing(to: RealStores) -> None:
    for _ in range(3):
        period(to)
    for query in ("select 1 from sync.erasures", "select 1 from sync.awaited", BURIED):
        assert to.core_sql.execute(query).fetchall() == []
    assert to.supabase_sql.execute(BURIED).fetchall() == []
    states = to.at_core(
        "select distinct step, state, error_code from sync.ledger"
        " where kind = 'erasure' or step = 'bury_user' order by 1"
    )
    assert {(row["step"], row["state"]) for row in states} == {
        (step.name, "gone") for step in erasing_steps()
    }
    assert set(to.firebase.account_rows) == {UID, DOCTOR_UID}
    assert to.bus.of("user-deleted")
    assert to.at_core("select 1 from users where firebase_uid = %(uid)s", uid=UID)


def test_the_deletion_of_a_canary_whose_account_is_not_there_is_not_told(to: RealStores) -> None:
    patrol(to)  # it makes the account
    assert to.bus.of("user-deleted") == []
    to.run()
    assert to.core_sql.execute(BURIED).fetchall() == []


def test_a_touch_that_may_still_travel_is_neither_judged_nor_repeated(to: RealStores) -> None:
    patrol(to)
    published = len(to.bus.published)
    assert patrol(to) == {"stalled": {}, "judged": 0}
    assert len(to.bus.published) == published


@pytest.mark.parametrize("state", ["parked", "retrying", "replayed"])
def test_a_canary_that_has_not_come_through_is_an_alarm(state: str) -> None:
    assert stalled("document-changed", {"store_document": state}) == "store_document"


def test_only_the_reserved_prefix_is_a_canary() -> None:
    assert UID.startswith(PREFIX)
    assert is_canary(UID)
    assert not is_canary("xCanary-1")
