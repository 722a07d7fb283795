"""A doctor's profile, from Firestore `doctors/{uid}` in any of the product's spellings. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from shared.errors import PermanentError
from shared.models.profiles import DoctorProfile
from shared.people.profile_reading import FIRST_NAME, LAST_NAME, NAME, given, names, text

SPECIALTIES = ("specialties", "specialty", "speciality", "specialization", "specializations")
LICENSE = ("licenseNo", "license_no", "licenseNumber", "license_number")

FIELDS = (*FIRST_NAME, *LAST_NAME, *NAME, *SPECIALTIES, *LICENSE, "uid")


def is_profile(uid: str, fields: Mapping[str, Any]) -> bool:
    """
    Tell a doctor's profile from the other documents of `doctors`: those that show_appointment
    writes are named by core's doctor id, and their `uid` names the doctor's sign-in.
    """
    return fields.get("uid", uid) == uid


def read_doctor(fields: Mapping[str, Any]) -> DoctorProfile:
    """
    Read a doctor's profile; what cannot be read counts as not given.

    Raise PermanentError doctor_name_missing or doctor_name_unreadable: core must have a name, and
    none is made up. A name given as a whole is divided before its last word; both parts together
    are again what was given. A missing last name is the empty text: core's column takes no null.
    """
    parts = names(fields)
    if parts is None:
        raise PermanentError("doctor_name_missing")
    if None in parts:
        raise PermanentError("doctor_name_unreadable")
    whole = " ".join(part for part in parts if part)
    if len(parts) == 2 and parts[0]:
        first, last = parts[0], parts[1] or ""
    else:
        head, _, tail = whole.rpartition(" ")
        first, last = (head, tail) if head else (tail, "")
    return DoctorProfile(
        first, last, _specialties(given(fields, SPECIALTIES)), text(given(fields, LICENSE))
    )


def _specialties(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        value = value.split(",")
    if not isinstance(value, list):
        return ()
    read = (text(item) for item in cast("list[object]", value))
    return tuple(dict.fromkeys(item for item in read if item))
