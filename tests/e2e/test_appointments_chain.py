"""An appointment booked in core is on the doctor's and the patient's screens, and told once."""

from __future__ import annotations

from typing import Any

import httpx

from infra.local.demo.apps import Backend
from infra.local.demo.people import Person
from infra.local.demo.stores import documents_in
from tests.e2e.conftest import Row, Running, eventually

_BOOK = """
insert into appointments (id, doctor_id, patient_id, start_ts, end_ts, status)
select %s, 'doctor-e2e', p.id, now() + interval '3 days', now() + interval '3 days', 'CONFIRMED'
from patients p join users u on u.id = p.user_id where u.firebase_uid = %s
"""


def patient(running: Running, phone: str, **profile: Any) -> str:
    """Sign a patient up whose profile names a device; wait until core knows the patient."""
    person = Person("Demo", "Patient", "phone", phone, None, profile)
    uid = running.app.sign_up(person)
    backend: Backend = running.backend
    eventually(lambda: backend.knows([uid]) == 1)
    return uid


def book(running: Running, key: str, uid: str) -> None:
    running.core(_BOOK, key, uid)


def shown(running: Running, key: str) -> dict[str, Row]:
    found = documents_in(running.facts, "appointments")
    return {path: fields for path, fields in found.items() if path.endswith(f"/{key}")}


def notes(running: Running, uid: str) -> list[Row]:
    found = documents_in(running.facts, "inbox")
    return [fields for path, fields in found.items() if path.startswith(f"users/{uid}/")]


def device(running: Running, token: str) -> dict[str, Row]:
    answer = httpx.get(f"{running.facts['fcm_url']}/__shown").raise_for_status()
    return answer.json().get(token, {})


def notified(running: Running, key: str, what: str) -> list[Row]:
    return running.core(
        "select * from notifications"
        " where metadata ->> 'id' = %s and type = %s and status = 'SENT'",
        key,
        what,
    )


def test_an_appointment_is_shown_told_once_and_disappears_when_deleted(running: Running) -> None:
    uid = patient(running, "+919811700001", fcmToken="e2e-phone-1", consentNotifications=True)

    book(running, "visit-e2e-1", uid)
    eventually(lambda: notified(running, "visit-e2e-1", "APPOINTMENT_BOOKED"))
    places = {
        "doctors/doctor-e2e/appointments/visit-e2e-1",
        f"users/{uid}/appointments/visit-e2e-1",
    }
    assert shown(running, "visit-e2e-1").keys() == places

    running.core("update appointments set checked_in_at = now() where id = 'visit-e2e-1'")
    eventually(lambda: all(c["checkedInAt"] for c in shown(running, "visit-e2e-1").values()))
    running.core("update appointments set status = 'CANCELLED' where id = 'visit-e2e-1'")
    eventually(lambda: notified(running, "visit-e2e-1", "APPOINTMENT_CANCELLED"))
    assert sorted(n["type"] for n in notes(running, uid)) == [
        "appointment_booked",
        "appointment_cancelled",
    ]
    assert len(device(running, "e2e-phone-1")) == 2

    # The sync's own document in `doctors` is no doctor's profile; one that comes later is stored.
    later = running.app.sign_up_doctor("visit.e2e@example.com", {"firstName": "Visit"})
    eventually(lambda: running.ledger(later, "store_doctor"))
    assert running.core("select 1 as n from sync.journal where key = 'doctor-e2e'") == []

    running.core("delete from appointments where id = 'visit-e2e-1'")
    eventually(lambda: not shown(running, "visit-e2e-1"))


def test_a_push_service_that_loses_its_answers_shows_one_notification(running: Running) -> None:
    uid = patient(running, "+919811700002", fcmToken="e2e-phone-2", consentNotifications=True)
    fault = {"status": 503, "when": "after", "count": 2, "path": "/v1/"}
    httpx.post(f"{running.facts['fcm_url']}/__fault", json=fault).raise_for_status()

    book(running, "visit-e2e-2", uid)

    eventually(lambda: notified(running, "visit-e2e-2", "APPOINTMENT_BOOKED"))
    [note] = device(running, "e2e-phone-2").values()
    assert note["times"] == 3
    assert len(notes(running, uid)) == 1


def test_a_dead_token_leaves_the_profile_and_the_note_remains(running: Running) -> None:
    uid = patient(running, "+919811700003", fcmToken="e2e-dead", consentNotifications=True)
    body = {"token": "e2e-dead", "state": "unregistered"}
    httpx.put(f"{running.facts['fcm_url']}/__token", json=body).raise_for_status()

    book(running, "visit-e2e-3", uid)

    eventually(lambda: (running.ledger("visit-e2e-3", "notify_appointment") or {}).get("state"))
    profile = documents_in(running.facts, "users")[f"users/{uid}"]
    assert "fcmToken" not in profile
    assert profile["consentNotifications"] is True
    assert [note["type"] for note in notes(running, uid)] == ["appointment_booked"]
    row = running.ledger("visit-e2e-3", "notify_appointment") or {}
    assert (row["state"], row["error_code"]) == ("done", "no_device")
