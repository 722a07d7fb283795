"""Core appointments, read with all that is shown of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from shared.models.appointments import Appointment

if TYPE_CHECKING:
    from shared.stores.core import CoreDatabase, Row

# One statement, so that the version belongs to the very state that is read.
_READ = """
select a.id, a.doctor_id, s.firebase_uid as doctor_uid, a.patient_id, u.firebase_uid as uid,
       a.clinic_id, a.start_ts, a.end_ts, a.status::text as status,
       a.visit_type::text as visit_type, a.address, a.checked_in_at, a.created_at,
       coalesce(o.version, 0) as version
from appointments a
join doctors d on d.id = a.doctor_id
join users s on s.id = d.user_id
join patients t on t.id = a.patient_id
join users u on u.id = t.user_id
left join sync.outbox o on o.kind = 'appointment' and o.key = a.id
where a.id = any(%(ids)s)
"""

_DELETED = """
select key, version from sync.outbox
where kind = 'appointment' and key = any(%(ids)s) and deleted
"""


class CoreAppointments:
    """Reads appointments. Raises TransientError when core cannot answer."""

    def __init__(self, core: CoreDatabase) -> None:
        self._core = core

    def read(self, ids: Sequence[str]) -> dict[str, Appointment]:
        """Return the appointments that exist, by id."""
        rows = self._core.read(_READ, {"ids": list(ids)})
        return {row["id"]: _appointment(row) for row in rows}

    def deleted(self, ids: Sequence[str]) -> dict[str, int]:
        """Return those that core says are deleted, with the deletion's version."""
        rows = self._core.read(_DELETED, {"ids": list(ids)})
        return {row["key"]: row["version"] for row in rows}


def _appointment(row: Row) -> Appointment:
    return Appointment(
        id=row["id"],
        doctor_id=row["doctor_id"],
        doctor_uid=row["doctor_uid"],
        patient_id=row["patient_id"],
        uid=row["uid"],
        clinic_id=row["clinic_id"],
        start=in_utc(row["start_ts"]),
        end=in_utc(row["end_ts"]),
        status=row["status"],
        visit_type=row["visit_type"],
        address=row["address"],
        checked_in_at=None if row["checked_in_at"] is None else in_utc(row["checked_in_at"]),
        created_at=in_utc(row["created_at"]),
        version=row["version"],
    )


def in_utc(stamp: datetime) -> datetime:
    """Return a time of core with its zone: Prisma's timestamp(3) columns hold UTC without one."""
    return stamp.replace(tzinfo=UTC) if stamp.tzinfo is None else stamp.astimezone(UTC)
