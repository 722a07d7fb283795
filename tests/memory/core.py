"""
Core PostgreSQL in memory: the backend's tables and the outbox, above ledger and journal.

What the backend does (`put_user`, `delete_user`, ...) announces itself through the outbox, as the
triggers make it do; an unchanged row announces nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from shared.models.prescriptions import PdfCopy
from tests.memory.core_ledger import MemoryCoreLedger
from tests.memory.place import Outbox

if TYPE_CHECKING:
    from tests.memory.core_findings import Run

Row = dict[str, Any]

_SAID = ("name", "strength", "form", "frequency", "route", "duration_days")

APPOINTMENT: Row = {
    "doctor_id": "doctor-1",
    "clinic_id": None,
    "start": datetime(2126, 5, 1, 10, tzinfo=UTC),
    "end": datetime(2126, 5, 1, 10, 15, tzinfo=UTC),
    "status": "CONFIRMED",
    "visit_type": "CLINIC",
    "address": None,
    "checked_in_at": None,
    "created_at": datetime(2026, 5, 1, 10, tzinfo=UTC),
}


class MemoryCore(MemoryCoreLedger):
    """The state of core, and what the backend does to it."""

    def __init__(self) -> None:
        super().__init__()
        self.outbox = Outbox(self)
        self.user_rows: dict[str, Row] = {}  # by id
        self.patient_rows: dict[str, Row] = {}  # by user id
        self.prescription_rows: dict[str, Row] = {}
        self.appointment_rows: dict[str, Row] = {}
        self.doctor_uids: dict[str, str | None] = {}  # by doctor id
        self.told: dict[tuple[str, str], Row] = {}  # by kind and key
        self.claims: dict[tuple[str, str, int], Row] = {}  # by kind, key and version
        self.notification_rows: dict[str, Row] = {}
        self.document_rows: dict[str, Row] = {}
        self.medication_rows: dict[str, Row] = {}
        self.reading_rows: dict[str, Row] = {}
        self.doctor_rows: dict[str, Row] = {}  # by user id
        self.languages: dict[str, str] = {}  # by user id
        self.profile_reading_rows: dict[str, Row] = {}  # by uid
        self.pdf_copies: dict[tuple[str, str], PdfCopy] = {}  # by prescription and path
        self.unlinked: set[tuple[str, str]] = set()  # kind and key that no notification leads to
        self.erasure_rows: dict[str, Row] = {}
        self.legal_holds: dict[str, str] = {}  # by uid
        self.canary: dict[str, Row] = {}  # by kind
        self.runs: list[Run] = []  # of reconciliation
        self.removals: list[tuple[str, str, str]] = []  # of orphans: comparison, key, operator

    def put_user(self, user_id: str, **columns: Any) -> None:
        """Insert or change a user, as the backend does."""
        blank = {"role": "PATIENT", "firebase_uid": None, "phone": None, "email": None}
        known = self.user_rows.get(user_id, blank | {"id": user_id, "verified": False})
        self._change(self.user_rows, user_id, known | columns, "user", "firebase_uid")
        if self.user_rows[user_id]["firebase_uid"] != known["firebase_uid"]:
            self._note_signed_in(user_id)

    def put_patient(self, user_id: str, patient_id: str, name: str | None = None) -> None:
        """Insert or change the patient row of a user."""
        self.write_patient(user_id, {"id": patient_id, "name": name})

    def put_doctor(self, user_id: str, **columns: Any) -> None:
        """Insert or change the doctor row of a user."""
        self.write_doctor(user_id, self.doctor_rows.get(user_id, {}) | columns)

    def write_patient(self, user_id: str, row: Row, *, ours: bool = False) -> None:
        """Write a patient row; a changed name is a change of the user."""
        before = self.patient_rows.get(user_id, {}).get("name")
        self.patient_rows[user_id] = row
        if before != row.get("name"):
            self._note_name(user_id, ours=ours)

    def write_doctor(self, user_id: str, row: Row, *, ours: bool = False) -> None:
        """Write a doctor row; a changed name is a change of the user."""
        before = self.doctor_rows.get(user_id, {})
        self.doctor_rows[user_id] = row
        if any(before.get(name) != row.get(name) for name in ("first_name", "last_name")):
            self._note_name(user_id, ours=ours)

    def change_user(self, row: Row, *, ours: bool = False) -> None:
        """Write the row of a user who is there."""
        if self.user_rows[row["id"]] != row:
            self.user_rows[row["id"]] = row
            if row["firebase_uid"] is not None:
                self.outbox.note("user", row["firebase_uid"], self.next_version(), ours=ours)

    def _note_name(self, user_id: str, *, ours: bool) -> None:
        uid = self.user_rows[user_id]["firebase_uid"] if user_id in self.user_rows else None
        if uid is not None:
            self.outbox.note("user", uid, self.next_version(), ours=ours)

    def delete_user(self, user_id: str) -> None:
        """Delete a user; all that hangs on the patient goes with it."""
        user = self.user_rows.pop(user_id)
        patient = self.patient_rows.pop(user_id, {"id": None})["id"]
        for key in [k for k, row in self.document_rows.items() if row["patient_id"] == patient]:
            self.drop_document(key)
        for key in [k for k, row in self.prescription_rows.items() if row["user_id"] == user_id]:
            self.delete_prescription(key)
        for key in [k for k, row in self.appointment_rows.items() if row["user_id"] == user_id]:
            self.delete_appointment(key)
        if user["firebase_uid"] is not None:
            self._note_deleted("user", user["firebase_uid"])

    def put_prescription(self, prescription_id: str, user_id: str, **columns: Any) -> None:
        """Insert or change a prescription of a user's patient."""
        blank: Row = {"id": prescription_id, "pdf_url": None, "summary": {}}
        blank["created_at"] = "2026-05-01T10:00:00.000Z"
        known = self.prescription_rows.get(prescription_id, blank)
        row = known | {"user_id": user_id} | columns
        self._change(self.prescription_rows, prescription_id, row, "prescription", "id")

    def delete_prescription(self, prescription_id: str) -> None:
        """Delete a prescription."""
        del self.prescription_rows[prescription_id]
        self._note_deleted("prescription", prescription_id)

    def put_appointment(self, appointment_id: str, user_id: str, **columns: Any) -> None:
        """Insert or change an appointment of a user's patient."""
        known = self.appointment_rows.get(appointment_id, APPOINTMENT | {"id": appointment_id})
        row = known | {"user_id": user_id} | columns
        self._change(self.appointment_rows, appointment_id, row, "appointment", "id")
        paper = self.prescription_rows.get(appointment_id.removeprefix("appointment-"))
        if paper and paper["user_id"] != user_id:
            self.put_prescription(paper["id"], user_id)

    def give_patient(self, before: str, user_id: str) -> None:
        """Give the patient row of one user to another, with all that hangs on it."""
        self.patient_rows[user_id] = self.patient_rows.pop(before)
        for rows in (self.appointment_rows, self.prescription_rows):
            rows |= {k: r | {"user_id": user_id} for k, r in rows.items() if r["user_id"] == before}
        self._note_signed_in(user_id)

    def sign_doctor_in(self, doctor_id: str, uid: str | None) -> None:
        """Give a doctor a sign-in; all that the doctor may read by it is announced."""
        self.doctor_uids[doctor_id] = uid
        for key in [k for k, r in self.appointment_rows.items() if r["doctor_id"] == doctor_id]:
            self.outbox.note("appointment", key, self.next_version())

    def delete_appointment(self, appointment_id: str) -> None:
        """Delete an appointment."""
        del self.appointment_rows[appointment_id]
        self._note_deleted("appointment", appointment_id)

    def drop_document(self, document_id: str) -> None:
        """Remove a document with all that hangs on it."""
        self.document_rows.pop(document_id, None)
        for rows in (self.medication_rows, self.reading_rows):
            for key in [k for k, row in rows.items() if row["document_id"] == document_id]:
                del rows[key]

    def unlink(self, kind: str, keys: Sequence[str]) -> None:
        """Take references out of what patients were told: `sync.unlink_notifications`."""
        self.unlinked |= {(kind, key) for key in keys}
        for row in self.notification_rows.values():
            about = row["metadata"]
            if about["kind"] == kind and about.get("id") in keys:
                del about["id"]

    def user_by_uid(self, uid: str) -> Row | None:
        """Return the user of a Firebase uid."""
        rows = self.user_rows.values()
        return next((row for row in rows if row["firebase_uid"] == uid), None)

    def person_name(self, user_id: str) -> str | None:
        """Return the name a user's mirror shows: the patient's own, else the doctor's."""
        doctor = self.doctor_rows.get(user_id, {})
        names = [doctor.get("first_name"), doctor.get("last_name")]
        patient = self.patient_rows.get(user_id, {})
        return patient.get("name") or " ".join(name for name in names if name) or None

    def _change(self, table: dict[str, Row], at: str, row: Row, kind: str, key: str) -> None:
        if table.get(at) != row:
            table[at] = row
            if row[key] is not None:
                self.outbox.note(kind, row[key], self.next_version())

    def _note_signed_in(self, user_id: str) -> None:
        for kind, rows in (
            ("appointment", self.appointment_rows),
            ("prescription", self.prescription_rows),
        ):
            for key in [k for k, row in rows.items() if row["user_id"] == user_id]:
                self.outbox.note(kind, key, self.next_version())

    def _note_deleted(self, kind: str, key: str) -> None:
        self.outbox.note(kind, key, self.next_version(), deleted=True)


def medication_said(row: Row) -> tuple[Any, ...]:
    """Return what a medication says: all but what is the patient's own."""
    return tuple(row[name] for name in _SAID)


def digits(phone: str | None) -> str | None:
    """Return a phone's digits, the form in which core compares phones."""
    return None if phone is None else "".join(c for c in phone if c.isdigit())


def taken(users: Sequence[Row]) -> bool:
    """Tell whether two users share a value that core's unique keys allow once."""
    for column in ("id", "phone", "email", "firebase_uid"):
        values = [user[column] for user in users if user[column] is not None]
        if len(values) != len(set(values)):
            return True
    return False
