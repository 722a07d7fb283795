"""
Core PostgreSQL in memory: the backend's tables, the outbox, ledger and journal.

What the backend does (`put_user`, `delete_user`, ...) announces itself through the outbox, as the
triggers make it do; an unchanged row announces nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from shared.models import PdfCopy
from shared.outcomes import Outcome
from tests.memory.awaited import Awaited
from tests.memory.place import Outbox, Place, alias

if TYPE_CHECKING:
    from tests.memory.core_findings import Run

Row = dict[str, Any]

_LONGEST_WAIT_S = 3600
_MOST_REPLAYS = 8
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


@dataclass
class LedgerRow:
    """Where an entity stands in a step: a row of `sync.ledger`."""

    state: str
    source_version: int
    seen_version: int
    attempts: int
    error_code: str | None
    exhausted: bool = False
    next_retry_at: float | None = None  # not before: a provider's wait, or the next replay
    updated_at: float = 0.0
    replays: int = 0  # since the last success
    replayed_at: float | None = None
    digest: int | None = None


@dataclass(frozen=True)
class JournalRow:
    """Something that happened: a row of `sync.journal`."""

    kind: str
    key: str
    step: str
    version: int
    state: str
    code: str | None
    trace_id: str | None
    at: float = 0.0


class MemoryCore(Place):
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
        self.ledger_rows: dict[tuple[str, str, str], LedgerRow] = {}  # by kind, key, step
        self.journal_rows: list[JournalRow] = []
        self.awaited = Awaited(self)
        self.pdf_copies: dict[tuple[str, str], PdfCopy] = {}  # by prescription and path
        self.unlinked: set[tuple[str, str]] = set()  # kind and key that no notification leads to
        self.tombstones: dict[str, str] = {}  # alias -> erasure
        self.erasure_rows: dict[str, Row] = {}
        self.legal_holds: dict[str, str] = {}  # by uid
        self.open_conflicts: dict[tuple[str, str, str, str], str] = {}  # kind, key, step, field
        self.all_conflicts: list[Row] = []  # opened ever, decided or not
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

    def source_version(self, kind: str, key: str, step: str) -> int:
        """Return the newest version a step has written, 0 for none."""
        row = self.ledger_rows.get((kind, key, step))
        return row.source_version if row else 0

    def record(self, step: str, traceparent: str, outcomes: Iterable[Outcome]) -> None:
        """Write outcomes to ledger, conflicts and journal: `sync.record`."""
        trace = traceparent[3:35] or None
        for outcome in map(self._aliased, outcomes):
            ref = outcome.ref
            entity, how = (ref.kind, ref.key), (ref.version, outcome.state, outcome.code)
            self.journal_rows.append(JournalRow(*entity, step, *how, trace, self.clock()))
            self.awaited.follow(*entity, step, outcome.state)
            if self._record_state(step, outcome):
                self._record_conflicts(step, outcome)

    def _aliased(self, outcome: Outcome) -> Outcome:
        ref = outcome.ref
        hashed = alias(ref.kind, ref.key)
        if hashed not in self.tombstones:
            return outcome
        return replace(outcome, ref=replace(ref, key=hashed), conflicts=())

    def _record_state(self, step: str, outcome: Outcome) -> bool:
        ref, failing = outcome.ref, outcome.state in {"retrying", "parked"}
        known = self.ledger_rows.get((ref.kind, ref.key, step), LedgerRow("", 0, 0, 0, None))
        if 0 < ref.version < known.source_version:
            return False
        self.ledger_rows[ref.kind, ref.key, step] = LedgerRow(
            outcome.state,
            max(known.source_version, 0 if failing else ref.version),
            max(known.seen_version, ref.version),
            known.attempts + 1 if failing else 0,
            outcome.code,
            outcome.state == "parked" and outcome.exhausted,
            self._not_before(outcome, known.replays),
            self.clock(),
            known.replays if failing else 0,
            known.replayed_at,
            known.digest if outcome.digest is None else outcome.digest,
        )
        return True

    def _not_before(self, outcome: Outcome, replays: int) -> float | None:
        """Return when a provider allows the next attempt, or when the next replay is due."""
        wait = min(outcome.retry_after or 0, _LONGEST_WAIT_S)
        if outcome.state == "retrying" and wait > 0:
            return self.clock() + wait
        rest = replay_pause(replays) if outcome.state == "parked" and outcome.exhausted else None
        return None if rest is None else self.clock() + rest

    def _record_conflicts(self, step: str, outcome: Outcome) -> None:
        at = (outcome.ref.kind, outcome.ref.key, step)
        named = {
            conflict.field: conflict.other
            for conflict in sorted(
                outcome.conflicts, key=lambda c: (c.field, c.other), reverse=True
            )
        }
        if outcome.state in {"done", "conflict", "gone"}:
            for key in [k for k in self.open_conflicts if k[:3] == at and k[3] not in named]:
                self.close_conflict(key, "cleared")
        for field, other in named.items():
            self._open_conflict((*at, field), other)

    def close_conflict(self, at: tuple[str, str, str, str], resolution: str) -> None:
        """Close an open conflict."""
        del self.open_conflicts[at]
        (row,) = [c for c in self.all_conflicts if c["at"] == at and c["resolution"] is None]
        row["resolution"] = resolution

    def _open_conflict(self, at: tuple[str, str, str, str], other: str) -> None:
        same = [c for c in self.all_conflicts if c["at"] == at]
        if any(c["resolution"] == "keep_other" and c["other"] == other for c in same):
            return
        if at in self.open_conflicts:
            next(c for c in same if c["resolution"] is None)["other"] = other
        else:
            number = len(self.all_conflicts) + 1
            row = {"id": number, "at": at, "other": other, "resolution": None}
            seen = {"looked_at": self.clock(), "as_of": self._version}
            self.all_conflicts.append(row | seen)
        self.open_conflicts[at] = other

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


def replay_pause(replays: int) -> float | None:
    """Return how long an exhausted entity rests, in seconds: `sync.replay_pause`, not spread."""
    return min(600.0 * 2**replays, 86_400.0) if replays < _MOST_REPLAYS else None


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
