"""Resync on real databases: first load, resuming, budgets, and live changes meanwhile."""

from __future__ import annotations

from itertools import islice
from uuid import UUID

import pytest

from infra.command.resync import allowed, describe
from shared import catalog
from shared.repair.prices import quote
from shared.repair.resyncing import estimate, kinds, resync, resync_some
from shared.stores.core import CoreDatabase
from shared.stores.supabase import Supabase
from tests.contract.real_stores import RealStores, Sql

KINDS = kinds()


@pytest.fixture(name="to")
def _to(core: CoreDatabase, sql: Sql, supabase: Supabase, supabase_sql: Sql) -> RealStores:
    return RealStores(core, sql, supabase, supabase_sql)


def run(to: RealStores, kind: str, **how: int | bool | None) -> list[int]:
    states = resync(KINDS[kind], to, page_size=10, sleep=lambda _: None, **how)  # pyright: ignore[reportArgumentType]
    return [state.announced for state in states]


def announced(to: RealStores, topic: str) -> list[str]:
    return [ref.key for event in to.bus.of(topic) for ref in event.refs]


def test_every_announced_kind_but_an_order_can_be_resynced() -> None:
    topics = {name for name, topic in catalog.load().topics.items() if "announced_by" in topic}
    assert {kind.topic for kind in KINDS.values()} == topics - {"erasure-ordered"}  # an order
    assert {"user", "core-user", "document", "prescription"} <= KINDS.keys()


def test_with_every_auth_trigger_dropped_all_users_still_arrive(to: RealStores) -> None:
    for number in range(25):
        to.sign_up(f"u{number}", email=f"{number}@example.com")
    assert run(to, "user") == [10, 20, 25]
    to.run()
    assert to.core_sql.execute("select count(*) as n from patients").fetchone() == {"n": 25}
    assert to.supabase_sql.execute("select count(*) as n from auth.users").fetchone() == {"n": 25}


def test_with_every_firestore_trigger_dropped_all_profiles_still_arrive(to: RealStores) -> None:
    for number in range(25):
        to.sign_up(f"u{number}", email=f"{number}@example.com")
        to.firebase.write_profile(f"u{number}", name=f"Person {number}")
    to.sign_up("d1", email="doctor@example.com")
    to.firebase.write_profile("d1", "doctors", name="Demo Physician")
    to.firebase.put_document("doctors/core-id", {"uid": "d1"})  # whose appointments these are
    assert run(to, "user")[-1] == 26
    to.run()
    states = resync(KINDS["profile"], to, page_size=10, sleep=lambda _: None)
    assert [state.announced for state in islice(states, 2)] == [10, 20]
    assert run(to, "profile", resume=True) == [25]
    assert run(to, "doctor") == [1]
    to.run()
    named = "select count(*) as n from patients where name like 'Person %'"
    assert to.core_sql.execute(named.encode()).fetchone() == {"n": 25}
    assert to.core_sql.execute("select last_name from doctors").fetchone() == {
        "last_name": "Physician"
    }
    mirrored = "select count(*) as n from auth.users where raw_user_meta_data ->> 'name' <> ''"
    assert to.supabase_sql.execute(mirrored.encode()).fetchone() == {"n": 26}
    assert announced(to, "doctor-changed") == ["d1"]
    quoted = estimate(KINDS["profile"], to)
    assert (quoted.entities, quoted.steps) == (25, 3)
    assert estimate(KINDS["user"], to).entities == 26


def test_what_was_there_before_the_outbox_is_announced(to: RealStores) -> None:
    to.sign_up("u1", email="a@example.com")
    run(to, "user")
    to.run()
    for number in range(12):
        to.upload(str(UUID(int=number + 1)), "u1")
    to.prescribe("rx1", "u1")
    to.at_supabase("delete from sync.outbox")
    to.at_core("delete from sync.outbox")
    assert run(to, "document")[-1] == 12
    assert run(to, "prescription")[-1] == 1
    assert run(to, "core-user")[-1] == 1
    to.run()
    assert to.core_sql.execute("select count(*) as n from documents").fetchone() == {"n": 12}
    mirrors = "select count(*) as n from documents where origin = 'core'"
    assert to.supabase_sql.execute(mirrors).fetchone() == {"n": 1}


def test_a_resync_that_was_stopped_goes_on_where_it_was(to: RealStores) -> None:
    to.put_patients(1, 45)
    to.run_outbox_as_sent()
    states = resync(KINDS["core-user"], to, page_size=10, sleep=lambda _: None)
    assert [state.announced for state in islice(states, 2)] == [10, 20]
    assert run(to, "core-user", resume=True) == [30, 40, 45, 45]
    assert sorted(announced(to, "user-stored")) == sorted(f"u{n}" for n in range(1, 46))
    assert run(to, "core-user", resume=True)[0] == 10  # the finished one is not taken up again


def test_a_budget_is_a_hard_stop_and_resuming_has_a_budget_of_its_own(to: RealStores) -> None:
    to.put_patients(1, 45)
    to.run_outbox_as_sent()
    assert run(to, "core-user", most=25)[-1] == 25
    assert run(to, "core-user", most=15, resume=True)[-1] == 40
    assert len(announced(to, "user-stored")) == 40
    assert run(to, "core-user", most=0)[-1] == 0


def test_a_live_change_waits_behind_one_page_at_most(to: RealStores) -> None:
    to.put_patients(1, 30)
    to.run_outbox_as_sent()
    states = resync(KINDS["core-user"], to, page_size=10, sleep=lambda _: None)
    next(states)
    to.core_sql.execute("update users set language = 'hi' where firebase_uid = 'u30'")
    next(states)
    assert "u30" in announced(to, "user-stored")[:20] + announced(to, "user-stored")[20:21]


def test_a_deleted_entity_is_not_announced_by_a_resync(to: RealStores) -> None:
    to.put_patients(1, 2)
    to.core_sql.execute("delete from users where firebase_uid = 'u2'")
    to.run_outbox_as_sent()
    run(to, "core-user")
    assert announced(to, "user-stored") == ["u1"]


def test_chosen_entities_are_announced_at_once(to: RealStores) -> None:
    to.put_patients(1, 5)
    to.run_outbox_as_sent()
    assert resync_some(KINDS["core-user"], ["u2", "u4"], to) == 2
    assert announced(to, "user-stored") == ["u2", "u4"]


def test_a_quote_counts_what_is_there_and_asks_for_tokens_only_where_text_is_embedded(
    to: RealStores,
) -> None:
    to.put_patients(1, 7)
    to.prescribe("rx1", "u1", notes="x" * 1000)
    users, prescriptions = (estimate(KINDS[kind], to) for kind in ("core-user", "prescription"))
    assert (users.entities, users.tokens) == (7, 0)
    assert prescriptions.entities == 1
    assert prescriptions.tokens > 400
    assert prescriptions.dollars > 0
    assert users.steps == 2
    assert "7 entities through 2 steps" in describe(users)


def test_a_budget_in_dollars_is_a_number_of_entities() -> None:
    quoted = quote(1000, 2, 100.0)
    assert allowed(quoted, None, quoted.dollars / 2) in {499, 500}
    assert allowed(quoted, 10, quoted.dollars / 2) == 10
    assert allowed(quoted, None, None) is None
    quoted_alone = quote(1, 2, 0)  # where there is nothing yet, what comes is bounded all the same
    assert allowed(quote(0, 2, 0), None, 5.0) == int(5.0 / quoted_alone.each)
