"""A doctor's profile makes a doctor in core and in the mirror, or a conflict for a person."""

from __future__ import annotations

from typing import Any

import pytest

from shared.events import Ref
from tests.memory.clients import MemoryClients
from tests.memory.core_ledger import LedgerRow
from tests.steps.conftest import Send


@pytest.fixture(autouse=True)
def _user(to: MemoryClients, send: Send) -> None:
    to.firebase.sign_up("d1", email="doctor@example.com")
    send("user-changed", Ref("user", "d1"))


def write(to: MemoryClients, send: Send, uid: str = "d1", **fields: Any) -> None:
    version = to.firebase.write_profile(uid, "doctors", **fields)
    send("doctor-changed", Ref("user", uid, version))


def user(to: MemoryClients) -> dict[str, Any]:
    row = to.memory_core.user_by_uid("d1")
    assert row is not None
    return row


def standing(to: MemoryClients, uid: str = "d1") -> LedgerRow:
    return to.memory_core.ledger_rows["user", uid, "store_doctor"]


def test_a_doctors_profile_makes_a_doctor_and_no_patient(to: MemoryClients, send: Send) -> None:
    write(to, send, firstName="Asha", lastName="Rao", licenseNo="KMC-1")
    assert user(to)["role"] == "DOCTOR"
    assert user(to)["id"] not in to.memory_core.patient_rows
    assert to.memory_core.doctor_rows[user(to)["id"]]["verified_status"] == "PENDING"
    (auth,) = to.memory_supabase.auth_users.values()
    assert auth.app_metadata["role"] == "DOCTOR"
    assert auth.user_metadata["name"] == "Asha Rao"


def test_a_doctor_stays_one_through_repeated_events_of_both_chains(
    to: MemoryClients, send: Send
) -> None:
    for _ in range(5):
        write(to, send, name="Asha Rao")
        send("user-changed", Ref("user", "d1"))
    assert user(to)["role"] == "DOCTOR"
    assert to.memory_core.patient_rows == {}
    assert len(to.memory_core.doctor_rows) == 1


def test_a_patient_with_a_profile_who_becomes_a_doctor_is_a_conflict_until_decided(
    to: MemoryClients, send: Send
) -> None:
    to.firebase.write_profile("d1", name="Asha", allergies=["dust"])
    send("profile-changed", Ref("user", "d1"))
    write(to, send, name="Asha Rao")
    assert (standing(to).state, standing(to).error_code) == ("conflict", "role_differs")
    assert user(to)["role"] == "PATIENT"
    assert to.memory_core.doctor_rows == {}


def test_a_doctor_without_a_name_is_parked_alone_in_a_batch_of_100(
    to: MemoryClients, send: Send
) -> None:
    uids = [f"p{number}" for number in range(100)]
    for uid in uids:
        to.memory_core.put_user(f"id-{uid}", firebase_uid=uid)
        to.firebase.write_profile(uid, "doctors", **({} if uid == "p7" else {"name": uid}))
    send("doctor-changed", *[Ref("user", uid) for uid in uids])
    assert (standing(to, "p7").state, standing(to, "p7").error_code) == (
        "parked",
        "doctor_name_missing",
    )
    assert len(to.memory_core.doctor_rows) == 99
    assert to.bus.refusals == []


def test_a_deleted_doctors_profile_takes_nothing_from_core(to: MemoryClients, send: Send) -> None:
    write(to, send, name="Asha Rao")
    to.firebase.delete_profile("d1", "doctors")
    send("doctor-changed", Ref("user", "d1"))
    assert user(to)["role"] == "DOCTOR"
    assert len(to.memory_core.doctor_rows) == 1
    assert (standing(to).state, standing(to).error_code) == ("gone", "doctor_profile_deleted")


def test_a_document_that_says_who_reads_a_doctors_appointments_is_no_profile(
    to: MemoryClients, send: Send
) -> None:
    to.firebase.put_document("doctors/core-id", {"uid": "d1"})
    send("doctor-changed", Ref("user", "core-id"))
    assert standing(to, "core-id").state == "gone"
    to.firebase.put_document("doctors/d1", {"uid": "d1"})
    send("doctor-changed", Ref("user", "d1"))
    assert standing(to).error_code == "doctor_name_missing"


def test_a_doctor_whom_core_does_not_know_is_waited_for(to: MemoryClients, send: Send) -> None:
    write(to, send, "nobody", name="Nobody")
    assert standing(to, "nobody").error_code == "user_not_in_core"
    assert standing(to, "nobody").state == "parked"
