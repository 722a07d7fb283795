"""Core doctors as their profiles make them, in memory and in PostgreSQL."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shared.events import Ref
from shared.models.profiles import DoctorProfile, Profile
from shared.outcomes import Conflict, Outcome
from tests.contract.memory_core_world import batch
from tests.contract.postgres_core_world import CoreWorld
from tests.contract.test_stores_core_profiles import sign_up
from tests.contract.test_stores_core_profiles import store as store_profile

ASHA = DoctorProfile("Asha", "Rao", ("cardiology",), "KMC-1")


def store(
    at_core: CoreWorld, doctor: DoctorProfile = ASHA, version: int = 7, uid: str = "u1"
) -> Outcome:
    ref = Ref("user", uid, version)
    return at_core.doctors.store(batch("store_doctor", ref), [(ref, f"doctor-{uid}", doctor)])[0]


def role(at_core: CoreWorld, uid: str = "u1") -> str:
    user = at_core.user(uid)
    assert user is not None
    return user["role"]


def test_a_doctors_profile_replaces_the_bare_patient_row_of_the_sign_up(
    at_core: CoreWorld,
) -> None:
    sign_up(at_core)
    assert store(at_core) == Outcome(Ref("user", "u1", 7), "done")
    assert role(at_core) == "DOCTOR"
    assert at_core.patient("id-u1") is None
    assert at_core.doctor("id-u1") == {
        "id": "doctor-u1",
        "first_name": "Asha",
        "last_name": "Rao",
        "specialties": ["cardiology"],
        "license_no": "KMC-1",
        "verified_status": "PENDING",
    }
    assert at_core.standing("user", "u1", "store_doctor") == ("done", 7, 7, 0, None)


def test_a_doctor_stored_five_times_is_one_doctor(at_core: CoreWorld) -> None:
    sign_up(at_core)
    store(at_core)
    version = at_core.version("user", "u1")
    assert {store(at_core).state for _ in range(4)} == {"done"}
    assert at_core.version("user", "u1") == version
    sign_up(at_core)  # the account comes again: no patient row comes back
    assert at_core.patient("id-u1") is None


def test_a_user_whom_core_does_not_know_is_waited_for(at_core: CoreWorld) -> None:
    outcome = store(at_core)
    assert (outcome.state, outcome.code) == ("retrying", "user_not_in_core")


def test_an_older_profile_changes_nothing(at_core: CoreWorld) -> None:
    sign_up(at_core)
    store(at_core, version=8)
    store(at_core, replace(ASHA, first_name="Older"), version=7)
    doctor = at_core.doctor("id-u1")
    assert doctor is not None
    assert doctor["first_name"] == "Asha"


def test_what_a_later_profile_does_not_give_stays(at_core: CoreWorld) -> None:
    sign_up(at_core)
    store(at_core)
    store(at_core, DoctorProfile("Asha", "Rao"), version=8)
    doctor = at_core.doctor("id-u1")
    assert doctor is not None
    assert (doctor["specialties"], doctor["license_no"]) == (["cardiology"], "KMC-1")


def test_a_verified_doctors_licence_is_flagged_and_not_replaced(at_core: CoreWorld) -> None:
    sign_up(at_core)
    store(at_core)
    at_core.verify_doctor("id-u1")
    outcome = store(at_core, replace(ASHA, license_no="KMC-2", last_name="Menon"), version=8)
    assert (outcome.state, outcome.code) == ("done", "license_differs")
    doctor = at_core.doctor("id-u1")
    assert doctor is not None
    assert (doctor["license_no"], doctor["last_name"]) == ("KMC-1", "Menon")
    assert doctor["verified_status"] == "VERIFIED"


def test_a_patient_with_a_filled_profile_is_a_conflict_and_stays_a_patient(
    at_core: CoreWorld,
) -> None:
    sign_up(at_core)
    store_profile(at_core, Profile(name="Asha"), 6)
    outcome = store(at_core)
    held = (Conflict("role", "patient-u1"),)
    assert outcome == Outcome(Ref("user", "u1", 7), "conflict", "role_differs", held)
    assert role(at_core) == "PATIENT"
    assert at_core.doctor("id-u1") is None
    assert at_core.conflicts("u1") == {"role": "patient-u1"}


def test_a_patient_with_a_prescription_is_a_conflict_and_keeps_it(at_core: CoreWorld) -> None:
    sign_up(at_core)
    at_core.put_prescription("rx1", "id-u1")
    assert store(at_core).state == "conflict"
    assert at_core.patient("id-u1") == "patient-u1"
    assert at_core.prescriptions.read(["rx1"]).keys() == {"rx1"}


def test_a_patient_with_an_appointment_is_a_conflict_and_keeps_it(at_core: CoreWorld) -> None:
    sign_up(at_core)
    at_core.put_appointment("visit-1", "id-u1")
    assert store(at_core).state == "conflict"
    assert at_core.patient("id-u1") == "patient-u1"
    assert at_core.appointments.read(["visit-1"]).keys() == {"visit-1"}


def test_a_member_of_staff_is_a_conflict_and_stays_staff(at_core: CoreWorld) -> None:
    at_core.put_user("s1", firebase_uid="u1", role="STAFF")
    outcome = store(at_core)
    assert outcome.conflicts == (Conflict("role", "s1"),)
    assert role(at_core) == "STAFF"


def test_a_doctor_from_whom_core_took_the_role_does_not_get_it_back_by_a_profile(
    at_core: CoreWorld,
) -> None:
    sign_up(at_core)
    store(at_core)
    at_core.verify_doctor("id-u1")
    at_core.put_user("id-u1", role="PATIENT")
    sign_up(at_core)  # a bare patient row again
    outcome = store(at_core, version=8)
    assert (outcome.state, outcome.code) == ("conflict", "role_differs")
    assert role(at_core) == "PATIENT"
    at_core.put_user("id-u1", role="DOCTOR")  # a person has decided
    assert store(at_core, version=9).state == "done"


def test_someone_whom_core_made_a_doctor_keeps_the_patient_row(at_core: CoreWorld) -> None:
    sign_up(at_core)
    store_profile(at_core, Profile(name="Asha"), 6)
    store(at_core)
    at_core.put_user("id-u1", role="DOCTOR")
    assert store(at_core).state == "done"
    assert at_core.patient("id-u1") == "patient-u1"
    assert at_core.doctor("id-u1") is not None
    assert at_core.conflicts("u1") == {}


@pytest.mark.parametrize(("last", "name"), [("Rao", "Asha Rao"), ("", "Asha")])
def test_a_doctor_is_mirrored_under_the_doctors_name(
    at_core: CoreWorld, last: str, name: str
) -> None:
    sign_up(at_core)
    store(at_core, DoctorProfile("Asha", last))
    user = at_core.users.read(["u1"])["u1"]
    assert (user.name, user.role) == (name, "DOCTOR")
