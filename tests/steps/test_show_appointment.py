"""An appointment is shown to its doctor and its patient, in core's newest version and once."""

from __future__ import annotations

from typing import Any

import pytest

from shared.errors import TransientError
from shared.events import Ref
from tests.memory import faults
from tests.memory.clients import MemoryClients
from tests.memory.core_ledger import LedgerRow
from tests.memory.place import no_hook
from tests.steps.conftest import Send

DOCTORS = "doctors/doctor-1/appointments/a1"
PATIENTS = "users/u1/appointments/a1"


@pytest.fixture(autouse=True)
def _patient(to: MemoryClients) -> None:
    put_patient(to)
    to.memory_core.doctor_uids["doctor-1"] = "doctor-uid"


def put_patient(to: MemoryClients, uid: str | None = "u1", number: str = "1") -> None:
    to.memory_core.put_user(f"id{number}", firebase_uid=uid)
    to.memory_core.put_patient(f"id{number}", f"p{number}")


def book(to: MemoryClients, key: str = "a1", **columns: Any) -> Ref:
    to.memory_core.put_appointment(key, columns.pop("user_id", "id1"), **columns)
    return ref(to, key)


def ref(to: MemoryClients, key: str = "a1") -> Ref:
    return Ref("appointment", key, to.memory_core.outbox.version("appointment", key))


def standing(to: MemoryClients, key: str = "a1") -> LedgerRow:
    return to.memory_core.ledger_rows["appointment", key, "show_appointment"]


def shown(to: MemoryClients) -> list[str]:
    return sorted(path for path in to.firebase.documents if "/appointments/" in path)


def commits(to: MemoryClients) -> list[str]:
    """Start to note the writes to Firestore."""
    noted: list[str] = []
    to.firebase.hook = lambda moment, name: (
        noted.append(name) if (moment, name) == ("before", "firestore.commit") else None
    )
    return noted


def test_both_copies_hold_cores_fields_and_version(to: MemoryClients, send: Send) -> None:
    send("appointment-changed", book(to, address="a made-up address", visit_type="HOUSE"))
    source = to.core_appointments.read(["a1"])["a1"]
    assert to.firebase.document(DOCTORS) == to.firebase.document(PATIENTS)
    assert to.firebase.document(DOCTORS) == {
        "appointmentId": "a1",
        "doctorId": "doctor-1",
        "patientId": "p1",
        "clinicId": None,
        "startTs": source.start,
        "endTs": source.end,
        "status": "CONFIRMED",
        "visitType": "HOUSE",
        "address": "a made-up address",
        "checkedInAt": None,
        "createdAt": source.created_at,
        "version": source.version,
    }
    assert to.firebase.document("doctors/doctor-1") == {"uid": "doctor-uid"}


def test_five_deliveries_write_once_and_are_forwarded_five_times(
    to: MemoryClients, send: Send
) -> None:
    noted = commits(to)
    for _ in range(5):
        send("appointment-changed", book(to))
    assert len(to.bus.of("appointment-shown")) == 5
    assert len(noted) == 2  # the copies, and the note in the inbox


def test_a_newer_version_that_came_first_is_not_replaced_by_an_older_reading(
    to: MemoryClients, send: Send
) -> None:
    book(to)
    older = list(to.core_appointments.read(["a1"]).values())
    send("appointment-changed", book(to, status="CANCELLED"))
    to.shown_appointments.show(older, {})
    assert (to.firebase.document(DOCTORS) or {})["status"] == "CANCELLED"


def test_an_appointment_moved_to_another_doctor_and_patient_disappears_from_the_old_places(
    to: MemoryClients, send: Send
) -> None:
    put_patient(to, "u2", "2")
    send("appointment-changed", book(to))
    send("appointment-changed", book(to, doctor_id="doctor-2", user_id="id2"))
    assert shown(to) == ["doctors/doctor-2/appointments/a1", "users/u2/appointments/a1"]


def test_a_deleted_appointment_is_removed_and_an_older_reading_does_not_bring_it_back(
    to: MemoryClients, send: Send
) -> None:
    send("appointment-changed", book(to))
    older = list(to.core_appointments.read(["a1"]).values())
    to.memory_core.delete_appointment("a1")
    send("appointment-changed", ref(to))
    to.shown_appointments.show(older, {})
    assert shown(to) == []
    assert (standing(to).state, standing(to).error_code) == ("gone", "source_deleted")


def test_what_core_merely_does_not_have_is_left_alone(to: MemoryClients, send: Send) -> None:
    send("appointment-changed", book(to))
    del to.memory_core.appointment_rows["a1"]  # a restored backup: no trigger ran
    send("appointment-changed", ref(to))
    assert shown(to) == [DOCTORS, PATIENTS]
    assert standing(to).error_code == "source_gone"


def test_a_patient_without_sign_in_is_shown_to_the_doctor_only_and_joins_later(
    to: MemoryClients, send: Send
) -> None:
    put_patient(to, None)
    send("appointment-changed", book(to))
    assert shown(to) == [DOCTORS]
    assert standing(to).error_code == "patient_without_sign_in"
    put_patient(to, "u1")
    assert ("appointment", "a1") in to.memory_core.outbox.unsent()
    send("appointment-changed", ref(to))
    assert shown(to) == [DOCTORS, PATIENTS]


def test_a_doctor_who_signs_in_anew_is_the_one_who_may_read(to: MemoryClients, send: Send) -> None:
    send("appointment-changed", book(to))
    to.memory_core.doctor_uids["doctor-1"] = "other-uid"
    send("appointment-changed", book(to, status="STARTED"))
    assert to.firebase.document("doctors/doctor-1") == {"uid": "other-uid"}


def test_an_appointment_that_changes_while_it_is_shown_is_shown_again(
    to: MemoryClients, send: Send
) -> None:
    book(to)
    faults.at(
        to.firebase, "firestore.commit", lambda: void(book(to, status="CANCELLED")), moment="after"
    )
    send("appointment-changed", ref(to))
    assert (to.firebase.document(PATIENTS) or {})["status"] == "CANCELLED"
    assert standing(to).source_version == ref(to).version


def void(_: object) -> None:
    """Drop a value."""


def test_a_racing_step_is_met_and_the_newest_state_stays(to: MemoryClients, send: Send) -> None:
    def race() -> None:
        to.firebase.hook = no_hook
        book(to, status="CANCELLED")
        to.shown_appointments.show(list(to.core_appointments.read(["a1"]).values()), {})

    faults.at(to.firebase, "firestore.read", race, moment="after")
    send("appointment-changed", book(to))
    assert (to.firebase.document(DOCTORS) or {})["status"] == "CANCELLED"
    assert to.bus.refusals == []


def test_one_appointment_of_a_hundred_that_firestore_cannot_hold_is_parked_alone(
    to: MemoryClients, send: Send
) -> None:
    refs = [book(to, f"a{number}") for number in range(99)] + [book(to, "a/b")]
    send("appointment-changed", *refs)
    assert standing(to, "a/b").state == "parked"
    assert standing(to, "a/b").error_code == "firestore_id_invalid"
    assert {standing(to, f"a{number}").state for number in range(99)} == {"done"}
    assert len(shown(to)) == 2 * 99
    assert to.bus.refusals == []


def test_a_hundred_moved_appointments_fit_into_commits_of_500_writes(
    to: MemoryClients, send: Send
) -> None:
    put_patient(to, "u2", "2")
    send("appointment-changed", *[book(to, f"a{number}") for number in range(100)])
    moved = [book(to, f"a{n}", doctor_id=f"other-{n}", user_id="id2") for n in range(100)]
    noted = commits(to)
    # Not through the bus: the runner would halve a batch that is refused as too large.
    source = to.core_appointments.read([ref.key for ref in moved])
    to.shown_appointments.show(list(source.values()), {})
    assert len(noted) == 2  # five writes each, and a hundred doctors
    assert len(shown(to)) == 200
    assert {path.split("/")[1].split("-")[0] for path in shown(to)} == {"other", "u2"}


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_firestore_that_times_out_is_tried_again_with_one_effect(
    to: MemoryClients, send: Send, moment: str
) -> None:
    error = TransientError("firestore_unreachable")
    faults.fail(to.firebase, "firestore.commit", error, moment=moment)
    send("appointment-changed", book(to))
    assert to.bus.refusals == [("show_appointment", "firestore_unreachable")]
    assert shown(to) == [DOCTORS, PATIENTS]
    assert standing(to).state == "done"
