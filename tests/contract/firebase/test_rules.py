"""Who may read and write what in Firestore: the rules, evaluated for real people's ID tokens."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from shared.models.appointments import Appointment
from shared.stores.firestore import Firestore, Write
from shared.stores.inboxes import Inboxes, Note
from shared.stores.shown_appointments import ShownAppointments
from tests.contract.firebase.conftest import Emulators

OK, DENIED = 200, 403
WHEN = datetime(2126, 5, 1, 10, tzinfo=UTC)
DOCTORS = "doctors/doctor-1/appointments/a1"


class Cast:
    """A patient, that patient's doctor and a stranger, each with uid and token."""

    def __init__(self, emulators: Emulators, firestore: Firestore) -> None:
        self.uid, self.patient = emulators.sign_up()
        self.doctor_uid, self.doctor = emulators.sign_up()
        self.stranger_uid, self.stranger = emulators.sign_up()
        shown = ShownAppointments(firestore)
        shown.show([appointment("a1", "doctor-1", self.doctor_uid, self.uid)], {})
        shown.show([appointment("a2", "doctor-2", self.stranger_uid, None)], {})
        Inboxes(firestore).put([Note("n1", self.uid, "document_new", "document", "d1", WHEN)])
        self.note = f"users/{self.uid}/inbox/n1"
        self.copy = f"users/{self.uid}/appointments/a1"


def appointment(key: str, doctor: str, doctor_uid: str | None, uid: str | None) -> Appointment:
    return Appointment(
        key, doctor, doctor_uid, "p1", uid, None, WHEN, WHEN, "CONFIRMED", "TELE", None, None,
        WHEN, 1,
    )  # fmt: skip


@pytest.fixture(name="people")
def _people(emulators: Emulators, firestore: Firestore) -> Cast:
    return Cast(emulators, firestore)


def test_a_patient_reads_own_appointments_and_inbox_and_a_stranger_neither(
    emulators: Emulators, people: Cast
) -> None:
    for path in (people.copy, people.note):
        for place in (path, path.rpartition("/")[0]):
            assert emulators.get(place, people.patient) == OK
            assert emulators.get(place, people.stranger) == DENIED
            assert emulators.get(place, people.doctor) == DENIED
            assert emulators.get(place, None) == DENIED


def test_a_doctor_reads_own_appointments_and_no_other_doctors(
    emulators: Emulators, people: Cast
) -> None:
    for place in (DOCTORS, "doctors/doctor-1/appointments"):
        assert emulators.get(place, people.doctor) == OK
        for other in (people.patient, people.stranger, None):
            assert emulators.get(place, other) == DENIED
    assert emulators.get("doctors/doctor-2/appointments", people.doctor) == DENIED


def test_a_doctor_without_sign_in_is_nobody_and_an_unknown_doctor_too(
    emulators: Emulators, people: Cast, firestore: Firestore
) -> None:
    ShownAppointments(firestore).show([appointment("a3", "doctor-3", None, None)], {})
    for doctor in ("doctor-3", "doctor-unknown"):
        for token in (people.doctor, None):
            assert emulators.get(f"doctors/{doctor}/appointments", token) == DENIED


def test_a_doctor_whose_sign_in_changed_no_longer_reads(
    emulators: Emulators, people: Cast, firestore: Firestore
) -> None:
    moved = appointment("a4", "doctor-1", people.stranger_uid, None)
    ShownAppointments(firestore).show([moved], {})
    assert emulators.get(DOCTORS, people.doctor) == DENIED
    assert emulators.get(DOCTORS, people.stranger) == OK


def test_nobody_but_the_sync_writes_appointments_or_says_who_a_doctor_is(
    emulators: Emulators, people: Cast
) -> None:
    for token in (people.patient, people.doctor, people.stranger, None):
        for path in (DOCTORS, people.copy):
            assert emulators.patch(path, token, "status", status="CANCELLED") == DENIED
            assert emulators.delete(path, token) == DENIED
        assert emulators.patch("doctors/doctor-1", token, uid=people.stranger_uid) == DENIED
        assert emulators.patch("doctors/doctor-9", token, uid=people.stranger_uid) == DENIED
        assert emulators.patch(f"users/{people.uid}/appointments/new", token, a="b") == DENIED


def test_where_copies_lie_is_nobodys_to_read(emulators: Emulators, people: Cast) -> None:
    for token in (people.patient, people.doctor, None):
        assert emulators.get("appointmentPlaces/a1", token) == DENIED
        assert emulators.get("doctors/doctor-1", token) == DENIED


def test_a_patient_may_mark_a_note_as_read_and_nothing_else(
    emulators: Emulators, people: Cast, firestore: Firestore
) -> None:
    assert emulators.patch(people.note, people.patient, "read", read=True) == OK
    fields = firestore.read([people.note])[people.note].data or {}
    assert (fields["read"], fields["type"]) == (True, "document_new")
    for refused in (
        emulators.patch(people.note, people.patient, "read", read=False),
        emulators.patch(people.note, people.patient, "read", read="yes"),
        emulators.patch(people.note, people.patient, "type", type="other"),
        emulators.patch(people.note, people.patient, "read,type", read=True, type="other"),
        emulators.patch(people.note, people.patient, "note", note="added"),
        emulators.patch(people.note, people.patient, read=True),
        emulators.patch(f"users/{people.uid}/inbox/n2", people.patient, read=True),
        emulators.delete(people.note, people.patient),
        emulators.patch(people.note, people.stranger, "read", read=True),
        emulators.patch(people.note, None, "read", read=True),
    ):
        assert refused == DENIED


def test_a_profile_is_its_owners_alone(
    emulators: Emulators, people: Cast, firestore: Firestore
) -> None:
    profile = f"users/{people.uid}"
    assert emulators.patch(profile, people.patient, language="en") == OK
    assert emulators.get(profile, people.patient) == OK
    for other in (people.stranger, people.doctor, None):
        assert emulators.get(profile, other) == DENIED
        assert emulators.patch(profile, other, language="ta") == DENIED
    firestore.commit([Write("elsewhere/x", {"a": "b"})])
    assert emulators.get("elsewhere/x", people.patient) == DENIED
