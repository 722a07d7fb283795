"""Core appointments as they are shown, in memory and in PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from shared.models.appointments import Appointment
from tests.contract.postgres_core_world import CoreWorld

START = datetime(2126, 5, 1, 10, tzinfo=UTC)
VERSIONED = ("appointment", "a1")


@pytest.fixture(autouse=True)
def _patient(at_core: CoreWorld) -> None:
    at_core.put_user("id1", firebase_uid="u1")
    at_core.put_patient("id1", "p1")


def test_an_appointment_is_read_with_its_sign_ins_and_its_times_in_utc(at_core: CoreWorld) -> None:
    at_core.sign_doctor_in("doctor-1", "doctor-uid")
    at_core.put_appointment("a1", "id1", visit_type="HOUSE", address="made up", checked_in_at=START)
    assert at_core.appointments.read(["a1", "unknown"]) == {
        "a1": Appointment(
            id="a1",
            doctor_id="doctor-1",
            doctor_uid="doctor-uid",
            patient_id="p1",
            uid="u1",
            clinic_id=None,
            start=START,
            end=datetime(2126, 5, 1, 10, 15, tzinfo=UTC),
            status="CONFIRMED",
            visit_type="HOUSE",
            address="made up",
            checked_in_at=START,
            created_at=datetime(2026, 5, 1, 10, tzinfo=UTC),
            version=at_core.version(*VERSIONED),
        )
    }


def test_every_change_is_announced_at_a_higher_version_and_no_change_is_not(
    at_core: CoreWorld,
) -> None:
    at_core.put_appointment("a1", "id1")
    assert VERSIONED in at_core.unsent()
    before = at_core.version(*VERSIONED)
    at_core.put_appointment("a1", "id1")
    assert at_core.version(*VERSIONED) == before
    at_core.put_appointment("a1", "id1", status="CANCELLED")
    after = at_core.appointments.read(["a1"])["a1"]
    assert (after.status, after.version) == ("CANCELLED", at_core.version(*VERSIONED))
    assert after.version > before


def test_a_deletion_is_known_as_such_and_an_unknown_id_is_not(at_core: CoreWorld) -> None:
    at_core.put_appointment("a1", "id1")
    assert at_core.appointments.deleted(["a1", "unknown"]) == {}
    at_core.delete_appointment("a1")
    assert at_core.appointments.read(["a1"]) == {}
    assert at_core.appointments.deleted(["a1"]) == {"a1": at_core.version(*VERSIONED)}


def test_a_patient_who_is_deleted_takes_the_appointments_along(at_core: CoreWorld) -> None:
    at_core.put_appointment("a1", "id1")
    at_core.delete_user("id1")
    assert set(at_core.appointments.deleted(["a1"])) == {"a1"}


def test_a_patient_or_doctor_who_signs_in_moves_the_version_of_the_appointments(
    at_core: CoreWorld,
) -> None:
    at_core.put_user("id2")
    at_core.put_patient("id2", "p2")
    at_core.put_appointment("a1", "id2")
    assert at_core.appointments.read(["a1"])["a1"].uid is None
    before = at_core.version(*VERSIONED)
    at_core.put_user("id2", firebase_uid="u2")
    signed_in = at_core.version(*VERSIONED)
    at_core.sign_doctor_in("doctor-1", "doctor-uid")
    assert before < signed_in < at_core.version(*VERSIONED)
    read = at_core.appointments.read(["a1"])["a1"]
    assert (read.uid, read.doctor_uid) == ("u2", "doctor-uid")


def test_a_user_whose_sign_in_stays_moves_nothing(at_core: CoreWorld) -> None:
    at_core.put_appointment("a1", "id1")
    before = at_core.version(*VERSIONED)
    at_core.put_user("id1", email="asha@example.com")
    assert at_core.version(*VERSIONED) == before
