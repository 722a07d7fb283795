"""Status on real databases: every number against counted rows."""

from __future__ import annotations

from typing import Any

import pytest

from shared import catalog
from shared.status.lineage import lineage, trace
from shared.status.patient_status import patient_status
from shared.status.standing import Status
from shared.status.status import overall, stuck
from shared.status.visibility import visibility
from shared.stores.core import CoreDatabase
from shared.stores.supabase import Supabase
from tests.contract.real_stores import RealStores, Sql

DOCUMENT = "3f2b8a54-0c5c-4d0b-9a53-7a4a2f5f0001"
BROKEN = "3f2b8a54-0c5c-4d0b-9a53-7a4a2f5f0002"
SUMMARY = {"medications": [{"name": "Synthetin", "strength": "5 mg"}]}
STATES = ("done", "gone", "conflict", "parked", "retrying")


@pytest.fixture(name="to")
def _to(core: CoreDatabase, sql: Sql, supabase: Supabase, supabase_sql: Sql) -> RealStores:
    return RealStores(core, sql, supabase, supabase_sql)


@pytest.fixture(name="busy")
def _busy(to: RealStores) -> RealStores:
    """Patients, uploads (one of which cannot be stored) and prescriptions, all handled."""
    to.put_patients(1, 3)
    to.run()
    to.upload(DOCUMENT, "u1", SUMMARY)
    to.upload(BROKEN, "u2", SUMMARY, kind="holiday_photo")
    to.prescribe("p1", "u1", **SUMMARY)
    to.run()
    return to


def counted(to: RealStores, query: str) -> int:
    row = to.core_sql.execute(query.encode()).fetchone()
    assert row is not None
    return int(row["count"])


def check_against_rows(to: RealStores, status: Status) -> None:
    """Count everything the slow way."""
    rows = to.core_sql.execute(
        "select step, state, count(*) as n from sync.ledger group by 1, 2"
    ).fetchall()
    truth = {(row["step"], row["state"]): row["n"] for row in rows}
    for step in status.steps:
        for state in STATES:
            assert getattr(step, state) == truth.get((step.name, state), 0), (step.name, state)
        waiting = f"select count(*) from sync.awaited where step = '{step.name}'"  # noqa: S608
        assert step.waiting == counted(to, waiting)
    reasons = to.core_sql.execute(
        "select step, error_code as code, count(*) as n from sync.ledger where state = 'parked'"
        " group by 1, 2"
    ).fetchall()
    assert {(r.step, r.code, r.count) for r in status.parked} == {
        (r["step"], r["code"], r["n"]) for r in reasons
    }
    uploads = to.supabase_sql.execute("select count(*) from public.documents").fetchone()
    assert uploads is not None
    assert status.supabase_documents == uploads["count"]
    assert status.postgres_users == counted(to, "select count(*) from users")
    assert status.failed_syncs == sum(n for (_, state), n in truth.items() if state == "parked")
    unsent = counted(to, "select count(*) from sync.outbox where sent_at is null")
    box = to.supabase_sql.execute(
        "select count(*) from sync.outbox where sent_at is null"
    ).fetchone()
    assert box is not None
    retrying = counted(to, "select count(*) from sync.ledger where state = 'retrying'")
    awaited = counted(to, "select count(*) from sync.awaited")
    assert status.pending_syncs == unsent + box["count"] + retrying + awaited


def test_every_number_is_that_of_counted_rows(busy: RealStores) -> None:
    status = overall(busy)
    check_against_rows(busy, status)
    assert status.failed_syncs == 1
    assert status.status == "degraded"
    assert [reason.code for reason in status.parked] == ["document_type_unknown"]
    assert status.pending_syncs == 0


def test_counts_stay_exact_while_work_is_under_way_and_after_a_fold(busy: RealStores) -> None:
    busy.upload("3f2b8a54-0c5c-4d0b-9a53-7a4a2f5f0003", "u3", SUMMARY)
    busy.core_sql.execute("update users set phone = '+919812345678' where firebase_uid = 'u2'")
    check_against_rows(busy, overall(busy))
    assert overall(busy).pending_syncs == 2
    busy.core_sql.execute("select sync.fold_tallies()")
    check_against_rows(busy, overall(busy))
    busy.run()
    check_against_rows(busy, overall(busy))
    busy.core_sql.execute("delete from sync.ledger where key = 'u1'")
    check_against_rows(busy, overall(busy))
    busy.core_sql.execute("select sync.recount()")
    check_against_rows(busy, overall(busy))


def test_a_message_that_nobody_takes_is_waited_for_by_name(to: RealStores) -> None:
    to.put_patients(1, 2)
    taken = to.core_outbox.claim("5f0a7c1e-0000-4000-8000-000000000001", 10, 60)
    to.core_outbox.settle("5f0a7c1e-0000-4000-8000-000000000001", taken)
    status = overall(to)
    (mirror,) = [step for step in status.steps if step.name == "mirror_user"]
    assert (mirror.waiting, mirror.state) == (2, "healthy")
    check_against_rows(to, status)
    late = overall(to, late_s=0)
    (cause,) = [cause for cause in late.causes if cause.severity == "unhealthy"]
    assert (cause.place, cause.code, cause.count) == ("mirror_user", "not_taken", 2)


def test_an_announced_upload_that_does_not_arrive_names_its_first_step(to: RealStores) -> None:
    to.put_patients(1, 1)
    to.run()
    to.upload(DOCUMENT, "u1", SUMMARY)
    token = "5f0a7c1e-0000-4000-8000-000000000002"
    to.supabase_outbox.settle(token, to.supabase_outbox.claim(token, 10, 60))
    late = overall(to, late_s=0)
    assert [c.place for c in late.causes if c.severity == "unhealthy"] == ["store_document"]


def test_stuck_items_say_why_and_what_to_do(busy: RealStores) -> None:
    (item,) = stuck(busy)
    assert (item.kind, item.key, item.step) == ("document", BROKEN, "store_document")
    assert (item.state, item.code, item.next_retry_at) == (
        "parked", "document_type_unknown", None,
    )  # fmt: skip
    assert "source" in item.remedy
    assert stuck(busy, step="mirror_user") == []
    assert stuck(busy, code="document_type_unknown", kind="document", key=BROKEN) == [item]


def ids_of(rows: Any, what: str) -> list[str]:
    return [made.id for made in rows.made if made.what == what]


def test_lineage_leads_from_what_was_made_to_its_source_and_forward_again(busy: RealStores) -> None:
    document = lineage(busy, "document", DOCUMENT)
    assert document is not None
    (medication,) = ids_of(document, "medication")
    chunks = ids_of(document, "chunk")
    assert chunks
    assert [row["step"] for row in document.journal][:1] == ["store_document"]
    assert {row["step"] for row in document.journal} == set(catalog.load().chain_of("document"))
    assert all(row["revision"] == "local" and row["at"] for row in document.journal)
    for what, key in (("medication", medication), ("chunk", chunks[0]), ("mirror", DOCUMENT)):
        found = lineage(busy, what, key)
        assert found is not None
        assert (found.kind, found.key, found.journal) == ("document", DOCUMENT, document.journal)


def test_lineage_of_a_prescription_goes_through_its_mirror(busy: RealStores) -> None:
    prescription = lineage(busy, "prescription", "p1")
    assert prescription is not None
    (mirror,) = ids_of(prescription, "mirror")
    for what, key in (("mirror", mirror), ("chunk", ids_of(prescription, "chunk")[0])):
        found = lineage(busy, what, key)
        assert found is not None
        assert (found.kind, found.key) == ("prescription", "p1")
    (notice,) = ids_of(prescription, "notification")
    told = lineage(busy, "notification", notice)
    assert told is not None
    assert (told.kind, told.key) == ("prescription", "p1")


def test_lineage_of_what_nobody_knows_is_nothing(busy: RealStores) -> None:
    for what in ("user", "document", "chunk", "medication", "notification", "prescription"):
        assert lineage(busy, what, "nobody") is None
    with pytest.raises(ValueError, match="must be one of"):
        lineage(busy, "password", "x")


def test_a_trace_has_all_that_happened_under_it(busy: RealStores) -> None:
    document = lineage(busy, "document", DOCUMENT)
    prescription = lineage(busy, "prescription", "p1")
    assert document is not None
    assert prescription is not None
    found = trace(busy, document.journal[0]["trace_id"])
    assert {e.step for e in found.entries} >= {"store_document", "index_document"}
    assert found.state == "stuck"  # the other upload was announced with it
    assert trace(busy, prescription.journal[0]["trace_id"]).state == "done"
    assert trace(busy, "0" * 32).state == "unknown"
    assert trace(busy, "no trace").state == "unknown"


def test_a_patient_is_shown_by_ids_and_states_only(busy: RealStores) -> None:
    shown = patient_status(busy, "u1")
    assert shown is not None
    assert shown.postgres_user is not None
    assert shown.postgres_user["has_email"] is True
    assert {d["id"] for d in shown.supabase_documents if d["in_core"]} == {DOCUMENT}
    assert {(log["kind"], log["key"]) for log in shown.sync_logs} >= {
        ("user", "u1"), ("document", DOCUMENT), ("prescription", "p1"),
    }  # fmt: skip
    assert patient_status(busy, "id-1") == shown
    assert patient_status(busy, "patient-id-1") == shown
    assert patient_status(busy, "nobody") is None
    text = repr(shown)
    assert "1@example.com" not in text
    assert "Synthetin" not in text
    broken = patient_status(busy, "u2")
    assert broken is not None
    assert [row["code"] for row in broken.stuck] == ["document_type_unknown"]


def test_an_upload_becomes_visible_as_of_its_version(busy: RealStores) -> None:
    seen = visibility(busy, "document", DOCUMENT)
    assert (seen.state, seen.visible, seen.searchable, seen.owner) == ("visible", True, True, "u1")
    busy.supabase_sql.execute("update documents set text = 'corrected'")
    later = visibility(busy, "document", DOCUMENT)
    assert (later.state, later.visible, later.retry_after_s) == ("under_way", False, 1.0)
    assert later.visible_version == seen.version
    busy.run()
    again = visibility(busy, "document", DOCUMENT)
    assert (again.visible, again.visible_version) == (True, later.version)
    assert visibility(busy, "document", BROKEN).state == "stuck"
    assert visibility(busy, "document", "nothing").state == "unknown"


def test_prescriptions_appointments_and_users_become_visible_too(busy: RealStores) -> None:
    for kind, key in (("prescription", "p1"), ("appointment", "visit-p1")):
        seen = visibility(busy, kind, key)
        assert (seen.state, seen.visible, seen.owner) == ("visible", True, "u1"), kind
    busy.core_sql.execute("delete from prescriptions where id = 'p1'")
    assert visibility(busy, "prescription", "p1").state == "gone"
    with pytest.raises(ValueError, match="must be one of"):
        visibility(busy, "password", "x")
