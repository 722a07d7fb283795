"""purge_history on a real ledger: what is forgotten, what never is; the counts stay true."""

from __future__ import annotations

from typing import Any

import functions_framework
import psycopg
import pytest
from psycopg.types.json import Jsonb

from shared import clients
from shared.events import Event, Ref, new_traceparent
from shared.stores.core import CoreDatabase
from shared.stores.core_history import CoreHistory
from shared.stores.supabase import Supabase
from tests.contract.real_stores import RealStores, Sql
from tests.databases import REPOSITORY, acting

DOC = "00000000-0000-4000-8000-000000000001"
_LEDGER = """
insert into sync.ledger (kind, key, step, state, updated_at)
select kind, key, step, state, now() - days * interval '1 day'
from jsonb_to_recordset(%s) as r(kind text, key text, step text, state text, days integer)
"""
_COUNTED = "select step, state, sum(n) as n from sync.tallies group by 1, 2 having sum(n) <> 0"
_LEFT = "select kind, key, step from sync.ledger"


@pytest.fixture(name="to")
def _to(core: CoreDatabase, sql: Sql, supabase: Supabase, supabase_sql: Sql) -> RealStores:
    return RealStores(core, sql, supabase, supabase_sql)


def purge(to: RealStores, *, days: int = 90, audit_days: int = 2200, limit: int = 100) -> Any:
    """Purge with the rights that the function has; return what went, by table."""
    found = CoreHistory(acting(to.core, "repair")).purge(days, audit_days, limit)
    return {table: count for table, count in found.items() if count}


def standing(to: RealStores, *rows: tuple[str, str, str, str, int]) -> None:
    """Put rows into the ledger: kind, key, step, state, and how many days ago."""
    names = ("kind", "key", "step", "state", "days")
    to.core_sql.execute(_LEDGER, [Jsonb([dict(zip(names, row, strict=True)) for row in rows])])


def left(to: RealStores) -> set[tuple[str, str, str]]:
    return {(row["kind"], row["key"], row["step"]) for row in to.at_core(_LEFT)}


def counted(to: RealStores) -> set[tuple[str, str, int]]:
    rows = to.at_core(_COUNTED)
    return {(row["step"], row["state"], int(row["n"])) for row in rows if row["state"] != "rows"}


def test_nothing_of_a_living_deployment_is_old(to: RealStores) -> None:
    to.sign_up("u1", email="a@example.com")
    to.publish([Event("user-changed", (Ref("user", "u1"),), new_traceparent())])
    to.run()
    before = left(to), len(to.at_core("select 1 from sync.journal"))
    assert purge(to) == {}
    assert (left(to), len(to.at_core("select 1 from sync.journal"))) == before


def test_what_is_gone_leaves_all_its_steps_and_the_counts_follow(to: RealStores) -> None:
    standing(
        to,
        ("document", "old", "store_document", "gone", 100),
        ("document", "old", "index_document", "done", 200),
        ("document", "new", "store_document", "gone", 80),
        ("document", "lives", "store_document", "done", 900),
        ("document", "stuck", "store_document", "gone", 100),
        ("document", "stuck", "index_document", "parked", 200),
        ("document", "back", "store_document", "gone", 100),
        ("document", "back", "index_document", "done", 3),
        ("user", "u1", "store_doctor", "gone", 100),
        ("user", "u1", "store_user", "done", 500),
    )
    assert purge(to) == {"ledger": 3}
    assert {key for _, key, _ in left(to)} == {"new", "lives", "stuck", "back", "u1"}
    assert ("user", "u1", "store_user") in left(to)
    assert counted(to) == {
        ("store_document", "gone", 3),
        ("store_document", "done", 1),
        ("index_document", "parked", 1),
        ("index_document", "done", 1),
        ("store_user", "done", 1),
    }
    exact = counted(to)
    to.core_sql.execute("select sync.recount()")
    assert counted(to) == exact


def test_one_that_core_still_has_keeps_its_standing(to: RealStores) -> None:
    to.put_patients(1, 1)
    to.put_visits(1)
    standing(
        to,
        ("appointment", "visit-1", "show_appointment", "gone", 100),
        ("appointment", "visit-1", "notify_appointment", "done", 100),
    )
    assert purge(to) == {}


def test_a_run_takes_as_much_as_it_is_told_and_the_next_goes_on(to: RealStores) -> None:
    standing(to, *[("document", f"d{n}", "store_document", "gone", 100 + n) for n in range(5)])
    assert [purge(to, limit=2) for _ in range(4)] == [
        {"ledger": 2}, {"ledger": 2}, {"ledger": 1}, {}]  # fmt: skip


def test_a_row_that_a_step_holds_is_left_and_nobody_waits(to: RealStores, core_dsn: str) -> None:
    standing(to, ("document", "d1", "store_document", "gone", 100))
    with psycopg.connect(core_dsn) as step:
        step.execute("select 1 from sync.ledger where key = 'd1' for update")
        assert purge(to) == {}
    assert purge(to) == {"ledger": 1}


def test_the_journal_stays_for_its_years_and_never_less_than_one(to: RealStores) -> None:
    for days in (2300, 2100, 400, 300):
        to.core_sql.execute(
            "insert into sync.journal (at, kind, key, step, source_version, state, revision)"
            " values (now() - %s * interval '1 day', 'user', 'u', 's', 1, 'done', 'r')",
            [days],
        )
    assert purge(to) == {"journal": 1}
    assert purge(to, audit_days=0) == {"journal": 2}
    assert len(to.at_core("select 1 from sync.journal")) == 1


def test_a_settled_claim_goes_and_an_open_one_and_what_was_told_stay(to: RealStores) -> None:
    to.core_sql.execute(
        "insert into sync.notifications (kind, key, version, what, uid, state, settled_at) values"
        " ('appointment', 'a1', 1, 'confirmed', 'u1', 'sent', now() - interval '100 days'),"
        " ('appointment', 'a1', 2, 'moved', 'u1', 'unsent', now() - interval '80 days'),"
        " ('appointment', 'a1', 3, 'moved', 'u1', 'claimed', null)"
    )
    to.core_sql.execute(
        "insert into sync.told (kind, key, uid, state, version)"
        " values ('appointment', 'a1', 'u1', 'x', 3), ('appointment', 'a2', 'u1', '', 3)"
    )
    assert purge(to) == {"notifications": 1, "told": 1}
    assert [row["key"] for row in to.at_core("select key from sync.told")] == ["a1"]


def test_a_decision_is_kept_as_long_as_the_journal_and_one_that_binds_for_ever(
    to: RealStores,
) -> None:
    for field, resolution, days in (
        ("a", "cleared", 100), ("b", "cleared", 80), ("c", "moved", 100), ("d", "moved", 2300),
        ("e", "keep_other", 9000), ("f", None, None),
    ):  # fmt: skip
        to.core_sql.execute(
            "insert into sync.conflicts (kind, key, step, field, other, resolution, resolved_at)"
            " values ('user', 'u1', 's', %s, 'o', %s, now() - %s * interval '1 day')",
            [field, resolution, days],
        )
    assert purge(to) == {"conflicts": 2}
    rows = to.at_core("select field from sync.conflicts order by field")
    assert [row["field"] for row in rows] == ["b", "c", "e", "f"]


def test_old_comparisons_go_with_their_findings_but_the_last_stays(to: RealStores) -> None:
    for days, dry_run in ((300, False), (200, True), (100, False), (95, True)):
        to.core_sql.execute(
            "insert into sync.reconcile_runs (projection, dry_run, started_at, finished_at)"
            " values ('users', %s, now() - %s * interval '1 day', now())",
            [dry_run, days],
        )
    to.core_sql.execute(
        "insert into sync.findings (run, projection, kind, key, class, seen)"
        " select id, 'users', 'user', 'u1', 'stale', 'x' from sync.reconcile_runs"
    )
    assert purge(to) == {"reconcile_runs": 2}
    assert len(to.at_core("select 1 from sync.findings")) == 2


def test_the_schedule_calls_it_with_its_settings(
    to: RealStores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clients, "_current", to)
    app = functions_framework.create_app("purge_history", str(REPOSITORY / "main.py"), "http")
    standing(to, ("document", "d1", "store_document", "gone", 100))
    purged = (app.test_client().post("/").json or {})["purged"]
    assert {table: count for table, count in purged.items() if count} == {"ledger": 1}
    to.core_sql.execute("insert into sync.resyncs (kind, place, state, updated_at)"
                        " values ('user', 'core', 'done', now() - interval '100 days'),"
                        " ('user', 'core', 'running', now() - interval '100 days')")  # fmt: skip
    monkeypatch.setenv("HISTORY_RETENTION_DAYS", "120")
    assert not any((app.test_client().post("/").json or {})["purged"].values())
    monkeypatch.delenv("HISTORY_RETENTION_DAYS")
    assert (app.test_client().post("/").json or {})["purged"]["resyncs"] == 1
