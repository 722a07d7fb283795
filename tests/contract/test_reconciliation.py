"""
Reconciliation on real databases: whatever the triggers and the outbox did not see is found,
repaired by the ordinary chain, and found no more.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import UUID

import functions_framework
import pytest
from flask.testing import FlaskClient
from psycopg.sql import SQL, Identifier

from shared import clients, settings
from shared.digests import Table
from shared.document_reading import TYPES
from shared.ids import prescription_document_id
from shared.orphans import OrphanError, remove
from shared.projections import BUCKETS, PROJECTIONS, bucket, hash64
from shared.reconciliations import reconciliation
from shared.stores.core import CoreDatabase
from shared.stores.core_digests import CoreDigests
from shared.stores.core_findings import Finding
from shared.stores.shown_appointments import copies
from shared.stores.supabase import Supabase
from tests.contract.real_stores import RealStores, Sql
from tests.databases import REPOSITORY

DOC = [str(UUID(int=number + 1)) for number in range(4)]
PROFILE: dict[str, Any] = {
    "name": "Asha Rao",
    "dob": "1990-02-03",
    "gender": "Female",
    "allergies": ["Testamol"],
    "language": "hi",
    "consentNotifications": True,
}
CHANGED_PROFILE: dict[str, Any] = PROFILE | {"allergies": ["Demoxil"]}
MEDICINE = {"medications": [{"name": "Demoxil", "strength": "5 mg", "dose": 1.50}]}


@pytest.fixture(name="to")
def _to(core: CoreDatabase, sql: Sql, supabase: Supabase, supabase_sql: Sql) -> RealStores:
    return RealStores(core, sql, supabase, supabase_sql)


@pytest.fixture(name="agreed")
def _agreed(to: RealStores) -> RealStores:
    """Two patients, three documents and two prescriptions, in agreement."""
    to.sign_up("u1", email="asha@example.com", phone="+919811122233")
    to.sign_up("u2", phone="+919811122234", verified=False)
    to.reconcile("users")
    to.run()
    to.upload(DOC[0], "u1", MEDICINE)
    to.upload(DOC[1], "u1", '{"medications": [{"name": "Testamol", "strength": "2.50 mg"}]}')
    to.upload(DOC[2], "u2", kind=" Report ")
    to.prescribe("rx1", "u1", diagnosis="rest", follow_up_days=7.0)
    to.prescribe("rx2", "u2")
    to.firebase.write_profile("u1", **PROFILE)
    to.sign_up("d1", email="doctor@example.com")
    to.firebase.write_profile("d1", "doctors", firstName="Demo", lastName="Physician")
    for name in ("users", "profiles", "doctors"):
        to.reconcile(name)
        to.run()
    assert to.core_sql.execute("select key from sync.ledger where state <> 'done'").fetchall() == []
    return to


def drift(to: RealStores, name: str) -> set[tuple[str, str, str | None, bool]]:
    _, found = to.reconcile(name)
    return {(f.class_, f.key, f.code, f.repaired) for f in found}


NAMES = tuple(PROJECTIONS)


def test_a_clean_run_changes_nothing_but_its_own_row(agreed: RealStores) -> None:
    def state() -> Any:
        queries = ("select * from sync.outbox order by kind, key", "select * from sync.ledger")
        return [
            [agreed.core_sql.execute(q).fetchall() for q in queries],
            agreed.supabase_sql.execute("select * from sync.outbox order by key").fetchall(),
            dict(agreed.firebase.documents),
            len(agreed.bus.published),
            agreed.at_core("select projection, count(*) from sync.reconcile_runs group by 1"),
        ]

    for name in NAMES:
        agreed.reconcile(name)
        *before, runs = state()
        report, found = reconciliation(name, agreed, grace_s=0).run()
        assert (found, report.found, report.repaired, report.rows_read) == ([], 0, 0, 0)
        assert report.source_rows == report.target_rows >= 1
        *after, more = state()
        assert after == before
        counted = {row["projection"]: row["count"] for row in runs}
        counted[name] += 1
        assert {row["projection"]: row["count"] for row in more} == counted


DAMAGE: dict[str, tuple[str, Callable[[RealStores], object], str, str]] = {
    "an account that never reached core": (
        "users", lambda to: to.sign_up("u3", email="new@example.com"), "missing", "u3"),
    "an e-mail changed in Firebase, which has no event": (
        "users", lambda to: to.sign_up("u1", email="later@example.com",
                                       phone="+919811122233"), "stale", "u1"),
    "a phone that was given up in Firebase": (
        "users", lambda to: to.sign_up("u1", email="asha@example.com"), "stale", "u1"),
    "a phone that somebody edited in core": (
        "users", lambda to: to.at_core("update users set phone = '+919800000000'"
                                       " where firebase_uid = 'u2'"), "stale", "u2"),
    "a patient row that went": (
        "users", lambda to: to.at_core("delete from patients where user_id = (select id from users"
                                       " where firebase_uid = 'u2')"), "stale", "u2"),
    "a claim that went": (
        "users", lambda to: to.accounts.set_claims("u1", {}), "stale", "u1"),
    "an auth user that went": (
        "auth_users", lambda to: to.supabase_sql.execute("delete from auth.users where phone ="
                                                          " '919811122234'"), "missing", "u2"),
    "metadata that was edited": (
        "auth_users", lambda to: to.at_supabase(
            "update auth.users set raw_app_meta_data = raw_app_meta_data ||"
            " '{\"role\": \"DOCTOR\"}' where phone = '919811122233'"), "stale", "u1"),
    "a document that went from core": (
        "documents", lambda to: to.at_core("delete from documents where id = %(id)s", id=DOC[0]),
        "missing", DOC[0]),
    "a text that was edited in core": (
        "documents", lambda to: to.at_core("update documents set text = 'x' where id = %(id)s",
                                           id=DOC[1]), "stale", DOC[1]),
    "a medicine that went from core": (
        "documents", lambda to: to.at_core("delete from medications where document_id = %(id)s",
                                           id=DOC[0]), "stale", DOC[0]),
    "a medicine whose strength was edited in core": (
        "documents", lambda to: to.at_core("update medications set strength = '50 mg' where"
                                           " document_id = %(id)s", id=DOC[0]), "stale", DOC[0]),
    "an upload changed past its trigger": (
        "documents", lambda to: to.at_supabase("update documents set text = 'y' where id = %(id)s",
                                               id=DOC[2]), "stale", DOC[2]),
    "a mirror that went": (
        "prescriptions", lambda to: to.at_supabase("delete from documents where id = %(id)s",
                                                   id=mirror("rx1")), "missing", "rx1"),
    "a mirror that was edited": (
        "prescriptions", lambda to: to.at_supabase(
            "update documents set structured_json = '{}' where id = %(id)s", id=mirror("rx1")),
        "stale", "rx1"),
    "a mirror's text that was edited": (
        "prescriptions", lambda to: to.at_supabase(
            "update documents set text = text || 'x' where id = %(id)s", id=mirror("rx2")),
        "stale", "rx2"),
    "a mirror whose file is another": (
        "prescriptions", lambda to: to.at_supabase(
            "update documents set file_url = 'documents/other.pdf' where id = %(id)s",
            id=mirror("rx2")), "stale", "rx2"),
    "a mirror that was hidden past the sync": (
        "prescriptions", lambda to: to.at_supabase(
            "update documents set revoked_at = now() where id = %(id)s", id=mirror("rx1")),
        "stale", "rx1"),
    "a chunk that went": (
        "prescriptions", lambda to: to.at_supabase("delete from rag_chunks where document_id ="
                                                   " %(id)s", id=mirror("rx2")), "stale", "rx2"),
    "a prescription changed past its trigger": (
        "prescriptions", lambda to: to.at_core("update prescriptions set summary_json ="
                                               " '{\"diagnosis\": \"walk\"}' where id = 'rx2'"),
        "stale", "rx2"),
    "a profile whose trigger was dropped": (
        "profiles", lambda to: to.firebase.write_profile("u2", name="Ravi Das"), "missing", "u2"),
    "a profile changed past its trigger": (
        "profiles", lambda to: to.firebase.write_profile(
            "u1", **CHANGED_PROFILE), "stale", "u1"),
    "a language that core has lost": (
        "profiles", lambda to: to.at_core("update users set language = 'en' where firebase_uid ="
                                          " 'u1'"), "stale", "u1"),
    "a date of birth that somebody edited in core": (
        "profiles", lambda to: to.at_core("update patients set dob = '2001-01-01' where dob is not"
                                          " null"), "stale", "u1"),
    "a field that left its profile": (
        "profiles", lambda to: to.firebase.write_profile("u1", name="Asha Rao"), "stale", "u1"),
    "a doctor's profile whose trigger was dropped": (
        "doctors", lambda to: to.firebase.write_profile("d1", "doctors", name="Demo Surgeon"),
        "stale", "d1"),
    "an appointment that doctor and patient no longer see": (
        "appointments", lambda to: [to.firebase.documents.pop(at) for at in copies_of(to, "rx1")],
        "missing", "visit-rx1"),
    "a copy of an appointment that was edited": (
        "appointments", lambda to: to.firebase.put_document(
            copies_of(to, "rx1")[1], {"status": "CANCELLED"}), "stale", "visit-rx1"),
    "an appointment changed past its trigger": (
        "appointments", lambda to: to.at_core("update appointments set start_ts = start_ts + "
                                              "interval '1 hour' where id = 'visit-rx2'"),
        "stale", "visit-rx2"),
}  # fmt: skip


def copies_of(to: RealStores, prescription: str) -> list[str]:
    """Return the paths of an appointment's copies, the doctor's first."""
    paths = to.firebase.documents
    return sorted(at for at in paths if at.endswith(f"/appointments/visit-{prescription}"))


def mirror(prescription: str) -> str:
    return prescription_document_id(settings.id_namespace(), prescription)


@pytest.mark.parametrize("name", NAMES)
def test_drift_is_found_repaired_and_found_no_more(agreed: RealStores, name: str) -> None:
    cases = {what: case[1:] for what, case in DAMAGE.items() if case[0] == name}
    assert cases
    for what, (damage, class_, key) in cases.items():
        damage(agreed)
        assert drift(agreed, name) == {(class_, key, None, True)}, what
        agreed.run()
        assert drift(agreed, name) == set(), what


def test_repairs_of_every_comparison_at_once_end_in_agreement(agreed: RealStores) -> None:
    for what in ("a phone that somebody edited in core", "an auth user that went",
                 "a document that went from core", "a mirror that was edited",
                 "a profile changed past its trigger",
                 "a doctor's profile whose trigger was dropped",
                 "a copy of an appointment that was edited"):  # fmt: skip
        DAMAGE[what][1](agreed)
    repaired = {name: len(drift(agreed, name)) for name in NAMES}
    assert min(repaired.values()) >= 1
    for _ in range(2):  # what mends one store may be a change for the next
        agreed.run()
        repaired = {name: len(drift(agreed, name)) for name in NAMES}
    assert not any(repaired.values())


def test_a_doctor_who_may_no_longer_read_the_appointments_is_drift_of_each(
    agreed: RealStores,
) -> None:
    agreed.firebase.put_document("doctors/doctor", {"uid": "somebody else"})
    assert {key for _, key, _, _ in drift(agreed, "appointments")} == {"visit-rx1", "visit-rx2"}
    agreed.run()
    assert drift(agreed, "appointments") == set()


def test_a_doctors_mirror_and_one_without_any_contact_left_are_no_drift(agreed: RealStores) -> None:
    agreed.core_sql.execute("update users set role = 'DOCTOR' where firebase_uid = 'u1'")
    agreed.core_sql.execute("insert into doctors (id, user_id, first_name, last_name) select 'd1',"
                            " id, 'Asha', 'Rao' from users where firebase_uid = 'u1'")  # fmt: skip
    agreed.sign_up("u2")
    agreed.reconcile("users")
    agreed.run()
    assert [drift(agreed, name) for name in ("users", "auth_users")] == [set(), set()]


def test_a_dry_run_reports_and_leaves_everything_as_it_is(agreed: RealStores) -> None:
    agreed.at_core("delete from documents where id = %(id)s", id=DOC[0])
    for _ in range(2):
        _, found = agreed.reconcile("documents", dry_run=True)
        assert [replace(f, seen="") for f in found] == [Finding("document", DOC[0], "missing")]
    agreed.run()
    assert agreed.at_core("select 1 from documents where id = %(id)s", id=DOC[0]) == []


def test_what_is_under_way_is_no_drift(agreed: RealStores) -> None:
    agreed.upload(DOC[3], "u1")
    report, found = agreed.reconcile("documents")
    assert (found, report.in_flight) == ([], 1)
    agreed.run()
    agreed.at_core("delete from documents where id = %(id)s", id=DOC[3])
    report, found = agreed.reconcile("documents", grace_s=3600)
    assert (found, report.in_flight) == ([], 1)
    assert drift(agreed, "documents") == {("missing", DOC[3], None, True)}


def test_a_sign_up_of_just_now_is_left_to_its_trigger(agreed: RealStores) -> None:
    agreed.sign_up("u3", email="new@example.com")
    agreed.firebase.created_at["u3"] = time.time()
    report, found = agreed.reconcile("users", grace_s=60)
    assert (found, report.in_flight) == ([], 1)


def test_what_is_parked_waits_for_a_person(agreed: RealStores) -> None:
    agreed.upload(DOC[3], "u1", kind="tax return")
    agreed.run()
    assert drift(agreed, "documents") == {("missing", DOC[3], "parked", False)}


def test_a_contact_of_another_account_is_a_conflict(agreed: RealStores) -> None:
    agreed.sign_up("u3", email="asha@example.com")
    agreed.reconcile("users")
    agreed.run()
    assert drift(agreed, "users") == {("conflict", "u3", None, False)}


def test_an_orphan_is_reported_and_removed_only_on_order(agreed: RealStores) -> None:
    agreed.at_supabase("delete from documents where id = %(id)s", id=DOC[0])
    agreed.at_supabase("delete from sync.outbox")
    assert drift(agreed, "documents") == {("orphan", DOC[0], None, False)}
    assert drift(agreed, "documents") == {("orphan", DOC[0], None, False)}
    with pytest.raises(OrphanError, match=DOC[1]):
        remove("documents", [DOC[0], DOC[1]], agreed, operator="asha")
    with pytest.raises(OrphanError, match="erasing"):
        remove("users", ["u1"], agreed, operator="asha")
    for _ in range(3):
        agreed.age()
    assert remove("documents", [DOC[0]], agreed, operator="asha") == 1
    assert agreed.at_core("select 1 from medications where document_id = %(id)s", id=DOC[0]) == []
    assert drift(agreed, "documents") == set()


def test_a_profile_that_was_deleted_past_its_trigger_is_taken_back_on_order_only(
    agreed: RealStores,
) -> None:
    agreed.firebase.delete_profile("u1")
    assert drift(agreed, "profiles") == {("orphan", "u1", None, False)}
    assert agreed.at_core("select 1 from patients where name = 'Asha Rao'") != []
    assert remove("profiles", ["u1"], agreed, operator="asha") == 1
    agreed.run()
    assert agreed.at_core("select 1 from patients where name = 'Asha Rao'") == []
    assert drift(agreed, "profiles") == set()
    orders = agreed.at_core("select projection, key, operator from sync.orphan_removals")
    assert orders == [{"projection": "profiles", "key": "u1", "operator": "asha"}]


@pytest.mark.parametrize(
    ("order", "status", "word"),
    [
        ({"projection": "paper", "keys": ["a"], "operator": "asha"}, 422, "projection"),
        ({"projection": "documents", "keys": [], "operator": "asha"}, 422, "keys"),
        ({"projection": "documents", "keys": [1], "operator": "asha"}, 422, "keys"),
        ({"projection": "documents", "keys": ["a"]}, 422, "operator"),
        ({"projection": "documents", "keys": ["a"], "operator": "asha"}, 409, "no_orphan"),
        ({"projection": "users", "keys": ["a"], "operator": "asha"}, 409, "no_orphan"),
    ],
)
def test_an_order_that_breaks_a_rule_removes_nothing(
    to: RealStores, monkeypatch: pytest.MonkeyPatch, order: dict[str, Any], status: int, word: str
) -> None:
    answer = called("remove_orphans", to, monkeypatch).post("/", json=order)
    assert (answer.status_code, answer.get_json()["error"]) == (status, word)
    assert to.at_core("select 1 from sync.orphan_removals") == []


def test_an_operators_order_over_http_removes_an_orphan(
    agreed: RealStores, monkeypatch: pytest.MonkeyPatch
) -> None:
    agreed.at_core("delete from prescriptions where id = 'rx1'")
    order = {"projection": "prescriptions", "keys": [mirror("rx1")], "operator": "asha"}
    http = called("remove_orphans", agreed, monkeypatch)
    assert http.post("/", json=order).get_json() == {"projection": "prescriptions", "removed": 1}
    assert drift(agreed, "prescriptions") == set()
    assert http.post("/", json=order).status_code == 409


def test_by_schedule_what_must_be_listed_rests_and_an_operator_may_ask_for_it(
    agreed: RealStores, monkeypatch: pytest.MonkeyPatch
) -> None:
    http = called("reconcile", agreed, monkeypatch)
    assert http.post("/").get_json().keys() == {*NAMES} - {"profiles", "doctors"}
    assert http.post("/").get_json().keys() == {n for n, p in PROJECTIONS.items() if not p.listed}
    assert http.post("/", json={"projection": "profiles", "dry_run": True}).get_json().keys() == {
        "profiles"
    }
    assert http.post("/", json={"projection": "all"}).status_code == 422
    monkeypatch.setenv("RECONCILE_LISTED_S", "1")
    agreed.age()
    assert http.post("/").get_json().keys() == {*NAMES}


def called(name: str, to: RealStores, monkeypatch: pytest.MonkeyPatch) -> FlaskClient:
    """Return a client of a function over the test's stores."""
    monkeypatch.setattr(clients, "_current", to)
    source = str(REPOSITORY / "main.py")
    return functions_framework.create_app(name, source, "http").test_client()


def test_a_medications_start_and_reminders_are_the_patients_own(agreed: RealStores) -> None:
    agreed.at_core("update medications set reminders_enabled = true, start_date = '2026-01-01'")
    assert drift(agreed, "documents") == set()


def test_a_copy_that_nobody_should_see_is_reported_and_removed_on_order(agreed: RealStores) -> None:
    stray, lost = "users/u2/appointments/visit-rx1", "users/u1/appointments/unknown"
    shown = agreed.firebase.documents[copies_of(agreed, "rx1")[1]].data or {}
    agreed.firebase.put_document(stray, shown)
    agreed.firebase.put_document(lost, {})
    assert drift(agreed, "appointments") == {
        ("orphan", "visit-rx1", None, False),
        ("orphan", "unknown", None, False),
    }
    assert remove("appointments", ["visit-rx1", "unknown"], agreed, operator="asha") == 2
    assert {stray, lost} & agreed.firebase.documents.keys() == set()
    assert len(copies_of(agreed, "rx1")) == 2
    assert drift(agreed, "appointments") == set()


def test_a_profile_of_somebody_who_is_no_patient_is_no_drift(agreed: RealStores) -> None:
    agreed.firebase.write_profile("d1", name="Demo Physician")
    assert drift(agreed, "profiles") == set()


def test_a_document_written_just_now_is_left_to_its_trigger(agreed: RealStores) -> None:
    agreed.firebase.write_profile("u2", name="Ravi Das")
    before = agreed.firebase.documents["users/u2"]
    now = int(time.time() * 1e6)
    agreed.firebase.documents["users/u2"] = replace(before, changed=now)
    report, found = agreed.reconcile("profiles", grace_s=60)
    assert (found, report.in_flight) == ([], 1)


def test_an_orphan_mirror_is_removed_on_order(agreed: RealStores) -> None:
    agreed.at_core("delete from prescriptions where id = 'rx1'")
    assert drift(agreed, "prescriptions") == {("orphan", mirror("rx1"), None, False)}
    assert remove("prescriptions", [mirror("rx1")], agreed, operator="asha") == 1
    assert drift(agreed, "prescriptions") == set()


@pytest.mark.parametrize("name", ["documents", "prescriptions"])
def test_a_deletion_whose_event_was_lost_is_carried_out(agreed: RealStores, name: str) -> None:
    if name == "documents":
        agreed.supabase_sql.execute("delete from documents where id = %(id)s", {"id": DOC[0]})
        agreed.supabase_sql.execute("update sync.outbox set sent_at = now()")
    else:
        agreed.core_sql.execute("delete from prescriptions where id = 'rx1'")
        agreed.core_sql.execute("update sync.outbox set sent_at = now()")
    key = DOC[0] if name == "documents" else "rx1"
    assert drift(agreed, name) == {("orphan", key, "source_deleted", True)}
    agreed.run()
    assert drift(agreed, name) == set()


def test_what_a_repair_does_not_remove_is_not_repaired_again_until_it_was_gone(
    agreed: RealStores,
) -> None:
    agreed.at_core("create function spoil() returns trigger language plpgsql as $$ begin"
                   " new.text := 'spoilt'; return new; end $$")  # fmt: skip
    agreed.at_core("create trigger spoil before insert or update on documents"
                   " for each row execute function spoil()")  # fmt: skip
    agreed.at_core("update documents set text = 'x' where id = %(id)s", id=DOC[0])
    assert drift(agreed, "documents") == {("stale", DOC[0], None, True)}
    agreed.run()  # it differs in another way now: that is worth another try
    assert drift(agreed, "documents") == {("stale", DOC[0], None, True)}
    agreed.run()
    assert drift(agreed, "documents") == {("stale", DOC[0], "persists", False)}
    assert drift(agreed, "documents") == {("stale", DOC[0], "persists", False)}
    agreed.at_core("drop trigger spoil on documents")
    agreed.at_core("update documents set text = 'page' where id = %(id)s", id=DOC[0])
    assert drift(agreed, "documents") == set()
    agreed.at_core("update documents set text = 'x' where id = %(id)s", id=DOC[0])
    assert drift(agreed, "documents") == {("stale", DOC[0], None, True)}


def test_100_differences_among_20000_are_found_by_reading_few_rows(to: RealStores) -> None:
    to.put_patients(1, 20_000)
    for number in range(1, 20_001):
        to.firebase.sign_up(f"u{number}", email=f"{number}@example.com")
        claims = {"role": "authenticated"}
        row = to.firebase.account_rows[f"u{number}"]
        row.claims.update(claims)
    to.run_outbox_as_sent()
    damaged = {f"u{number * 199}" for number in range(1, 101)}
    to.at_core("update users set verified = false where firebase_uid = any(%(uids)s)",
               uids=list(damaged))  # fmt: skip
    report, found = to.reconcile("users")
    assert {f.key for f in found} == damaged
    assert {f.class_ for f in found} == {"stale"}
    assert report.rows_read <= 2 * 20_000 * 2 // 100  # 2 % of each side
    assert (report.source_rows, report.target_rows) == (20_000, 20_000)
    assert to.bus.of("user-changed")


def test_more_differences_than_one_run_looks_into_are_left_to_the_next(
    to: RealStores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.reconciling._MOST_ROWS", 50)
    for number in range(200):
        to.firebase.sign_up(f"u{number}")
    report, found = to.reconcile("users")
    assert not report.complete
    assert 0 < len(found) <= 50
    to.run()
    for _ in range(20):
        report, found = to.reconcile("users")
        to.run()
        if report.complete and not found:
            break
    assert report.source_rows == report.target_rows == 200


@pytest.mark.parametrize("text", ["", "u1", "हिन्दी", "😀" * 40, 'quote " \\ slash', "\x7f\x1f\n"])
def test_hash_and_bucket_are_the_same_in_python_and_in_both_databases(
    to: RealStores, text: str
) -> None:
    expected = {"hash": hash64(text), "bucket": bucket(text)}
    query = "select sync.hash64(%(text)s) as hash, sync.bucket(%(text)s) as bucket"
    for sql in (to.core_sql, to.supabase_sql):
        assert sql.execute(query, {"text": text}).fetchone() == expected


def test_a_canonical_text_has_all_its_fields_whatever_is_missing(agreed: RealStores) -> None:
    agreed.at_core("update patients set name = null, dob = null, gender = null, allergies = null")
    agreed.at_core("update documents set file_url = null, text = null, structured_json = null,"
                   " ocr_confidence = null where id = %(id)s", id=DOC[0])  # fmt: skip
    agreed.at_core("update appointments set address = null, checked_in_at = null")
    agreed.at_supabase("update auth.users set raw_user_meta_data = '{}', phone = null"
                       " where email <> ''")  # fmt: skip
    agreed.at_supabase("update documents set patient_id = 'u', type = 'x', file_url = null,"
                       " text = null, structured_json = null, ocr_confidence = null")  # fmt: skip
    for name, projection in PROJECTIONS.items():
        sides = {"core": agreed.core_sql, "supabase": agreed.supabase_sql}
        separators: set[int] = set()
        for place in {projection.source, projection.target} & sides.keys():
            view = Identifier("sync", f"projection_{name}")
            rows = sides[place].execute(SQL("select canonical from {}").format(view)).fetchall()
            assert rows
            separators |= {row["canonical"].count("\x1f") for row in rows}
        assert len(separators) == 1, name


def test_a_table_that_is_read_in_many_pages_is_digested_as_a_whole(to: RealStores) -> None:
    to.put_patients(1, 5_000)
    whole = Table(CoreDigests(to.core), "auth_users", first_blocks=1_000_000).digests()
    paged = Table(CoreDigests(to.core), "auth_users", first_blocks=1)
    assert paged.digests().differing(whole) == []
    assert sum(whole.rows) == 5_000
    assert len(paged.rows(range(BUCKETS))) == 5_000


def test_every_spelling_of_a_documents_type_is_the_same_in_sql(to: RealStores) -> None:
    for spelling, core_type in TYPES.items():
        for written in (spelling, f" {spelling.upper()} "):
            row = to.supabase_sql.execute("select sync.core_type(%(t)s) as t", {"t": written})
            assert row.fetchone() == {"t": core_type}


def test_few_differences_among_many_appointments_are_found_by_reading_few_rows(
    to: RealStores,
) -> None:
    to.put_patients(1, 2_000)
    to.put_visits(2_000)
    visits = to.core_appointments.read([f"visit-{n}" for n in range(1, 2_001)])
    shown = {at: fields for visit in visits.values() for at, fields in copies(visit).items()}
    for at, fields in shown.items():
        to.firebase.put_document(at, fields)
    to.run_outbox_as_sent()
    damaged = {f"visit-{n * 499}" for n in range(1, 4)}
    for key in damaged:
        at = f"users/u{key.removeprefix('visit-')}/appointments/{key}"
        to.firebase.put_document(at, shown[at] | {"status": "CANCELLED"})
    report, found = to.reconcile("appointments")
    assert (report.source_rows, report.target_rows) == (4_000, 4_000)
    assert {(f.key, f.class_, f.repaired) for f in found} == {(k, "stale", True) for k in damaged}
    assert report.rows_read <= 2 * 4_000 * 2 // 100  # 2 % of each side
    unsent = to.at_core("select key from sync.outbox where sent_at is null")
    assert {row["key"] for row in unsent} == damaged
