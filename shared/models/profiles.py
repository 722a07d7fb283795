"""What a profile in Firestore says, as core takes it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Profile:
    """
    A patient's profile as read. What is absent or unreadable is None, and `review_reasons` say
    why. Contacts serve to be compared only: Firebase Auth is their authority.
    """

    name: str | None = None
    dob: date | None = None
    gender: str | None = None
    allergies: str | None = None
    chronic_conditions: str | None = None
    emergency_contact: str | None = None
    language: str | None = None
    email: str | None = None
    phone_digits: str | None = None
    consent_data_use: bool | None = None
    consent_notifications: bool | None = None
    review_reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DoctorProfile:
    """A doctor's profile as read. None and empty: not given, core keeps what it has."""

    first_name: str
    last_name: str
    specialties: tuple[str, ...] = ()
    license_no: str | None = None
