"""Core's appointments and papers, in memory."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from shared.models.appointments import Appointment
from shared.models.notices import Paper
from shared.papers.revocation import is_revoked, summary_of
from tests.memory.core import MemoryCore


class MemoryCoreAppointments:
    """Reads appointments."""

    def __init__(self, core: MemoryCore) -> None:
        self._core = core

    def read(self, ids: Sequence[str]) -> dict[str, Appointment]:
        """Return the appointments that exist, by id."""
        with self._core.effect("core_appointments.read"):
            rows = self._core.appointment_rows
            return {key: self._appointment(key) for key in ids if key in rows}

    def deleted(self, ids: Sequence[str]) -> dict[str, int]:
        """Return those that core says are deleted, with the deletion's version."""
        with self._core.effect("core_appointments.deleted"):
            rows = {key: self._core.outbox.rows.get(("appointment", key)) for key in ids}
            return {key: row.version for key, row in rows.items() if row and row.deleted}

    def _appointment(self, key: str) -> Appointment:
        row = dict(self._core.appointment_rows[key])
        user_id = row.pop("user_id")
        return Appointment(
            doctor_uid=self._core.doctor_uids.get(row["doctor_id"]),
            patient_id=self._core.patient_rows[user_id]["id"],
            uid=self._core.user_rows[user_id]["firebase_uid"],
            version=self._core.outbox.version("appointment", key),
            **row,
        )


class MemoryCorePapers:
    """Reads papers."""

    def __init__(self, core: MemoryCore) -> None:
        self._core = core

    def documents(self, ids: Sequence[str]) -> dict[str, Paper]:
        """Return the documents that core has, by id."""
        with self._core.effect("core_papers.documents"):
            rows = self._core.document_rows
            return {key: self._document(key) for key in ids if key in rows}

    def prescriptions(self, ids: Sequence[str]) -> dict[str, Paper]:
        """Return the prescriptions that exist, by id."""
        with self._core.effect("core_papers.prescriptions"):
            rows = {k: r for k, r in self._core.prescription_rows.items() if k in ids}
            return {key: self._prescription(key) for key in rows}

    def _document(self, key: str) -> Paper:
        row = self._core.document_rows[key]
        patients = {patient["id"]: user for user, patient in self._core.patient_rows.items()}
        user = self._core.user_rows[patients[row["patient_id"]]]
        return Paper(
            key,
            user["firebase_uid"],
            None,
            repr((row["type"], row["text"], row["structured_json"])),
            _time(row["created_at"]),
            self._core.source_version("document", key, "store_document"),
        )

    def _prescription(self, key: str) -> Paper:
        row = self._core.prescription_rows[key]
        return Paper(
            key,
            self._core.user_rows[row["user_id"]]["firebase_uid"],
            f"appointment-{key}",
            repr(row["summary"]),
            _time(row["created_at"]),
            self._core.outbox.version("prescription", key),
            is_revoked(summary_of(row["summary"]), row.get("status"), row.get("revoked_at")),
        )


def _time(stamp: str) -> datetime:
    read = datetime.fromisoformat(stamp)
    return read.replace(tzinfo=UTC) if read.tzinfo is None else read
