"""
Reconciliation, in memory and on real databases: whatever the triggers and the outbox did not see is
found, repaired by the ordinary chain, and found no more.
"""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from shared.repair.reconciliations import reconciliation
from shared.stores.core_findings import Finding
from tests.contract.agreed import NAMES, drift
from tests.contract.drifts import DAMAGE, DOC
from tests.contract.memory_stores import Stores


def test_a_clean_run_changes_nothing_but_its_own_row(agreed: Stores) -> None:
    for name in NAMES:
        agreed.reconcile(name)
        before, runs = agreed.state(), agreed.runs()
        report, found = reconciliation(name, agreed, grace_s=0).run()
        assert (found, report.found, report.repaired, report.rows_read) == ([], 0, 0, 0)
        assert report.source_rows == report.target_rows >= 1
        assert agreed.state() == before
        assert agreed.runs() - runs == {name: 1}


@pytest.mark.parametrize("name", NAMES)
def test_drift_is_found_repaired_and_found_no_more(agreed: Stores, name: str) -> None:
    cases = {what: case for what, case in DAMAGE.items() if case.projection == name}
    assert cases
    for what, case in cases.items():
        case.do(agreed)
        assert drift(agreed, name) == {(case.class_, case.key, None, True)}, what
        agreed.run()
        assert drift(agreed, name) == set(), what


def test_repairs_of_every_comparison_at_once_end_in_agreement(agreed: Stores) -> None:
    for what in ("a phone that somebody edited in core", "an auth user that went",
                 "a document that went from core", "a mirror that was edited",
                 "a profile changed past its trigger",
                 "a doctor's profile whose trigger was dropped",
                 "a copy of an appointment that was edited"):  # fmt: skip
        DAMAGE[what].do(agreed)
    repaired = {name: len(drift(agreed, name)) for name in NAMES}
    assert min(repaired.values()) >= 1
    for _ in range(2):  # what mends one store may be a change for the next
        agreed.run()
        repaired = {name: len(drift(agreed, name)) for name in NAMES}
    assert not any(repaired.values())


def test_a_doctor_who_may_no_longer_read_the_appointments_is_drift_of_each(
    agreed: Stores,
) -> None:
    agreed.firebase.put_document("doctors/doctor", {"uid": "somebody else"})
    assert {key for _, key, _, _ in drift(agreed, "appointments")} == {"visit-rx1", "visit-rx2"}
    agreed.run()
    assert drift(agreed, "appointments") == set()


def test_a_doctors_mirror_and_one_without_any_contact_left_are_no_drift(agreed: Stores) -> None:
    agreed.make_doctor("u1")
    agreed.sign_up("u2")
    agreed.reconcile("users")
    agreed.run()
    assert [drift(agreed, name) for name in ("users", "auth_users")] == [set(), set()]


def test_a_dry_run_reports_and_leaves_everything_as_it_is(agreed: Stores) -> None:
    DAMAGE["a document that went from core"].do(agreed)
    for _ in range(2):
        _, found = agreed.reconcile("documents", dry_run=True)
        assert [replace(f, seen="") for f in found] == [Finding("document", DOC[0], "missing")]
    agreed.run()
    assert not agreed.has_document(DOC[0])


def test_what_is_under_way_is_no_drift(agreed: Stores) -> None:
    agreed.upload(DOC[3], "u1")
    report, found = agreed.reconcile("documents")
    assert (found, report.in_flight) == ([], 1)
    agreed.run()
    agreed.write_text(DOC[3], "x")
    report, found = agreed.reconcile("documents", grace_s=3600)
    assert (found, report.in_flight) == ([], 1)
    assert drift(agreed, "documents") == {("stale", DOC[3], None, True)}


def test_a_sign_up_of_just_now_is_left_to_its_trigger(agreed: Stores) -> None:
    agreed.sign_up("u3", email="new@example.com")
    agreed.firebase.created_at["u3"] = time.time()
    report, found = agreed.reconcile("users", grace_s=60)
    assert (found, report.in_flight) == ([], 1)


def test_what_is_parked_waits_for_a_person(agreed: Stores) -> None:
    agreed.upload(DOC[3], "u1", kind="tax return")
    agreed.run()
    assert drift(agreed, "documents") == {("missing", DOC[3], "parked", False)}


def test_a_contact_of_another_account_is_a_conflict(agreed: Stores) -> None:
    agreed.sign_up("u3", email="asha@example.com")
    agreed.reconcile("users")
    agreed.run()
    assert drift(agreed, "users") == {("conflict", "u3", None, False)}


def test_a_conflict_that_is_decided_keeps_its_account_from_repair_no_more(agreed: Stores) -> None:
    agreed.sign_up("u3", email="asha@example.com")
    agreed.reconcile("users")
    agreed.run()
    agreed.decided()
    assert drift(agreed, "users") == {("stale", "u3", None, True)}
    agreed.run()
    assert drift(agreed, "users") == {("stale", "u3", "persists", False)}
    agreed.sign_up("u3", email="asha@example.com", phone="+919811122299")
    assert drift(agreed, "users") == {("stale", "u3", None, True)}


def test_a_medications_start_and_reminders_are_the_patients_own(agreed: Stores) -> None:
    agreed.remind()
    assert drift(agreed, "documents") == set()


def test_a_profile_of_somebody_who_is_no_patient_is_no_drift(agreed: Stores) -> None:
    agreed.firebase.write_profile("d1", name="Demo Physician")
    assert drift(agreed, "profiles") == set()


def test_a_document_written_just_now_is_left_to_its_trigger(agreed: Stores) -> None:
    agreed.firebase.write_profile("u2", name="Ravi Das")
    before = agreed.firebase.documents["users/u2"]
    now = int(time.time() * 1e6)
    agreed.firebase.documents["users/u2"] = replace(before, changed=now)
    report, found = agreed.reconcile("profiles", grace_s=60)
    assert (found, report.in_flight) == ([], 1)


@pytest.mark.parametrize("name", ["documents", "prescriptions"])
def test_a_deletion_whose_event_was_lost_is_carried_out(agreed: Stores, name: str) -> None:
    if name == "documents":
        agreed.delete_upload(DOC[0])
    else:
        agreed.delete_prescription("rx1")
    key = DOC[0] if name == "documents" else "rx1"
    assert drift(agreed, name) == {("orphan", key, "source_deleted", True)}
    agreed.run()
    assert drift(agreed, name) == set()


def test_what_a_repair_does_not_remove_is_not_repaired_again_until_it_was_gone(
    agreed: Stores,
) -> None:
    end = agreed.spoil()
    agreed.write_text(DOC[0], "x")
    assert drift(agreed, "documents") == {("stale", DOC[0], None, True)}
    agreed.run()  # it differs in another way now: that is worth another try
    assert drift(agreed, "documents") == {("stale", DOC[0], None, True)}
    agreed.run()
    assert drift(agreed, "documents") == {("stale", DOC[0], "persists", False)}
    assert drift(agreed, "documents") == {("stale", DOC[0], "persists", False)}
    end()
    agreed.write_text(DOC[0], "page")
    assert drift(agreed, "documents") == set()
    agreed.write_text(DOC[0], "x")
    assert drift(agreed, "documents") == {("stale", DOC[0], None, True)}
