"""Appointments with all that is shown of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Appointment:
    """
    A core appointment. Times are in UTC. `uid` is the patient's and `doctor_uid` the doctor's
    Firebase uid, None without a sign-in.
    """

    id: str
    doctor_id: str
    doctor_uid: str | None
    patient_id: str
    uid: str | None
    clinic_id: str | None
    start: datetime
    end: datetime
    status: str
    visit_type: str
    address: str | None
    checked_in_at: datetime | None
    created_at: datetime
    version: int
