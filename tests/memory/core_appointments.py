"""Core's appointments, in memory."""

from __future__ import annotations

from collections.abc import Sequence

from shared.models.appointments import Appointment
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
