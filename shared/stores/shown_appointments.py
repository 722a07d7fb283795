"""
Appointments in Firestore, where the doctor web app and the patient app listen to them.

doctors/{doctor id}/appointments/{id}   the doctor's copy, by core's doctor id
users/{uid}/appointments/{id}           the patient's copy, when the patient has a sign-in
doctors/{doctor id}                     `uid`: who may read that doctor's appointments
appointmentPlaces/{id}                  where the copies lie, and of which version; nobody's to read

The places document guards all copies of an appointment: every batch that touches them is based on
it, so of two racing steps one is refused and reads again, and an older version never replaces a
newer one. It tells where an appointment was shown before it moved to another doctor or patient, and
it stays as the tombstone of a deleted one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from shared.stores.firestore import MAX_WRITES, Snapshot, Write, path

if TYPE_CHECKING:
    from collections.abc import Iterable

    from shared.models.appointments import Appointment

    Documents = dict[str, dict[str, Any]]  # by path


class Firestore(Protocol):
    """Batched reads and writes."""

    def read(self, paths: Iterable[str]) -> dict[str, Snapshot]: ...

    def commit(self, writes: Sequence[Write]) -> None: ...


class ShownAppointments:
    """Shows and removes appointments. Raises ContendedError when a racing step was faster."""

    def __init__(self, firestore: Firestore) -> None:
        self._firestore = firestore

    def show(self, appointments: Sequence[Appointment], deleted: Mapping[str, int]) -> None:
        """
        Make Firestore show these appointments, and no longer show the deleted ones, given as id ->
        version of the deletion. What it shows in a newer version is left as it is.
        """
        wanted = {a.id: (a.version, copies(a)) for a in appointments}
        wanted |= {key: (version, {}) for key, version in deleted.items()}
        doctors = _newest_by_doctor(appointments)
        known = self._firestore.read(
            [*map(_places, wanted), *(path("doctors", doctor) for doctor in doctors)]
        )
        groups = [
            list(_writes(_places(key), version, copies, known))
            for key, (version, copies) in wanted.items()
        ]
        groups.append([w for a in doctors.values() for w in _admission(a, known)])
        for batch in _packed(groups):
            self._firestore.commit(batch)


def copies(appointment: Appointment) -> Documents:
    """Return the appointment's documents: core's own fields, nothing joined that could go stale."""
    fields: dict[str, Any] = {
        "appointmentId": appointment.id,
        "doctorId": appointment.doctor_id,
        "patientId": appointment.patient_id,
        "clinicId": appointment.clinic_id,
        "startTs": appointment.start,
        "endTs": appointment.end,
        "status": appointment.status,
        "visitType": appointment.visit_type,
        "address": appointment.address,
        "checkedInAt": appointment.checked_in_at,
        "createdAt": appointment.created_at,
        "version": appointment.version,
    }
    copies = {path("doctors", appointment.doctor_id, "appointments", appointment.id): fields}
    if appointment.uid is not None:
        copies[path("users", appointment.uid, "appointments", appointment.id)] = fields
    return copies


def _writes(
    places: str, version: int, copies: Documents, known: Mapping[str, Snapshot]
) -> Iterator[Write]:
    since = known[places]
    before = since.data or {"version": -1, "paths": []}
    if version <= before["version"]:
        return
    yield Write(places, {"version": version, "paths": sorted(copies)}, since)
    yield from (Write(at, fields) for at, fields in copies.items())
    yield from (Write(at, None) for at in before["paths"] if at not in copies)


def _admission(appointment: Appointment, known: Mapping[str, Snapshot]) -> Iterator[Write]:
    """Say which sign-in is the doctor's. The step's recheck undoes what an old reading says."""
    at = path("doctors", appointment.doctor_id)
    before = known[at].data
    if before is None or before.get("uid") != appointment.doctor_uid:
        yield Write(at, {"uid": appointment.doctor_uid}, known[at])


def _newest_by_doctor(appointments: Sequence[Appointment]) -> dict[str, Appointment]:
    return {a.doctor_id: a for a in sorted(appointments, key=lambda a: a.version)}


def _places(appointment_id: str) -> str:
    return path("appointmentPlaces", appointment_id)


def _packed(groups: Sequence[list[Write]]) -> Iterator[list[Write]]:
    """Return as few commits as hold all groups, each group whole in one of them."""
    batch: list[Write] = []
    for group in groups:
        if len(batch) + len(group) > MAX_WRITES:
            yield batch
            batch = []
        batch += group
    if batch:
        yield batch
