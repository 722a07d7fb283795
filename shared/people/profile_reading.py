"""
A patient's profile, from Firestore `users/{uid}` in any of the product's spellings. Pure.

Nothing is invented: a field that is absent or cannot be read is None and named in
`review_reasons`, whose codes are closed (REASONS). `address` and `fcmToken` are not read: core has
no column for them, and what nobody needs stays where it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any, cast

from shared.models.profiles import Profile
from shared.people import contacts
from shared.people.date_of_birth import read_date_of_birth
from shared.text import one_line

# Spellings by meaning; the first that holds something counts.
FIRST_NAME = ("firstName", "first_name")
LAST_NAME = ("lastName", "last_name")
NAME = ("name",)
DOB = ("dob", "dateOfBirth", "date_of_birth")
GENDER = ("gender",)
ALLERGIES = ("allergies",)
CONDITIONS = ("chronicConditions", "chronic_conditions", "conditions")
CONTACT_NAME = ("emergencyContactName", "emergency_contact_name")
CONTACT_PHONE = ("emergencyContactPhone", "emergency_contact_phone")
CONTACT = ("emergencyContact", "emergency_contact")
LANGUAGE = ("language",)
PHONE = ("phoneNumber", "phone", "phone_number")
EMAIL = ("email",)
DATA_USE = ("consentDataUse", "consent_data_use", "consentGiven", "consent_given")
NOTIFICATIONS = ("consentNotifications", "consent_notifications", "consentGiven", "consent_given")

FIELDS = tuple(
    dict.fromkeys(
        FIRST_NAME + LAST_NAME + NAME + DOB + GENDER + ALLERGIES + CONDITIONS + CONTACT_NAME
        + CONTACT_PHONE + CONTACT + LANGUAGE + PHONE + EMAIL + DATA_USE + NOTIFICATIONS
    )
)  # fmt: skip

REASONS = frozenset(
    {
        "name_missing", "name_unreadable",
        "dob_missing", "dob_unreadable", "dob_ambiguous", "dob_in_future", "dob_before_1900",
        "gender_missing", "gender_unreadable",
        "allergies_missing", "allergies_unreadable",
        "chronic_conditions_missing", "chronic_conditions_unreadable",
        "emergency_contact_missing", "emergency_contact_unreadable",
        "emergency_contact_without_phone",
        "language_unreadable", "consent_unreadable",
        "phone_differs", "email_differs",  # from the account's; found where core is at hand
        "profile_deleted",
    }
)  # fmt: skip

_FIRST_TIME_ZONE = timedelta(hours=14)  # where a day begins first
_GENDERS = {"male": "Male", "female": "Female", "other": "Other"}
_LANGUAGE = re.compile(r"([A-Za-z]{2,3})((?:-[A-Za-z0-9]{2,8}){0,3})")  # the shape of BCP 47 tags
_LONGEST_NAME = 200
_LONGEST_TEXT = 4000
_FEWEST_PHONE_DIGITS = 6

Read = tuple[Any, str | None]  # a value, and why it is not there


def read_profile(fields: Mapping[str, Any], today: date) -> Profile:
    """Read a profile. Never raises: whatever a field holds, it is read or flagged."""
    read: dict[str, Read] = {
        "name": _name(fields),
        "dob": read_date_of_birth(given(fields, DOB), today),
        "gender": _gender(given(fields, GENDER)),
        "allergies": _listed(given(fields, ALLERGIES), "allergies"),
        "chronic_conditions": _listed(given(fields, CONDITIONS), "chronic_conditions"),
        "emergency_contact": _emergency_contact(fields),
        "language": _language(given(fields, LANGUAGE)),
        "consent_data_use": _consent(given(fields, DATA_USE)),
        "consent_notifications": _consent(given(fields, NOTIFICATIONS)),
    }
    return Profile(
        **{name: value for name, (value, _) in read.items()},
        email=contacts.email(text(given(fields, EMAIL))),
        phone_digits=_digits(given(fields, PHONE)),
        review_reasons=tuple(dict.fromkeys(reason for _, reason in read.values() if reason)),
    )


def day_of(now: datetime) -> date:
    """Return the day after which a date of birth lies in the future; `now` is in UTC."""
    return (now + _FIRST_TIME_ZONE).date()


def given(fields: Mapping[str, Any], spellings: tuple[str, ...]) -> Any:
    """Return what the first spelling holds that is neither null nor blank."""
    values = (fields.get(name) for name in spellings)
    return next((v for v in values if v is not None and not (isinstance(v, str) and not v.strip())),
                None)  # fmt: skip


def text(value: object, longest: int = _LONGEST_NAME) -> str | None:
    """Return a text on one line, None for what is no text, is empty or is too long for one."""
    line = one_line(value) if isinstance(value, str) else ""
    return line if 0 < len(line) <= longest else None


def names(fields: Mapping[str, Any]) -> tuple[str | None, ...] | None:
    """Return (first, last) or (whole,) name; None when no name is given at all."""
    parts = given(fields, FIRST_NAME), given(fields, LAST_NAME)
    if any(part is not None for part in parts):
        return tuple(text(part) if part is not None else "" for part in parts)
    whole = given(fields, NAME)
    return None if whole is None else (text(whole),)


def _name(fields: Mapping[str, Any]) -> Read:
    parts = names(fields)
    if parts is None:
        return None, "name_missing"
    if None in parts:  # half a name is another name
        return None, "name_unreadable"
    return " ".join(part for part in parts if part), None


def _gender(value: object) -> Read:
    if value is None:
        return None, "gender_missing"
    gender = _GENDERS.get((text(value) or "").lower())
    return gender, None if gender else "gender_unreadable"


def _listed(value: object, field: str) -> Read:
    """
    Read a list or a text. An empty list states that there is nothing: None, and not flagged. One
    unreadable item makes all of it unreadable: half of a list of allergies looks like all of it.
    """
    if value is None:
        return None, f"{field}_missing"
    items = cast("list[object]", value) if isinstance(value, list) else [value]
    stated = [item for item in items if item is not None and item != ""]
    read = [text(item, _LONGEST_TEXT) for item in stated]
    if None in read:
        return None, f"{field}_unreadable"
    return ", ".join(item for item in read if item) or None, None


def _emergency_contact(fields: Mapping[str, Any]) -> Read:
    name, phone = given(fields, CONTACT_NAME), given(fields, CONTACT_PHONE)
    whole = given(fields, CONTACT)
    if name is None and phone is None and isinstance(whole, dict):
        parts = cast("Mapping[str, Any]", whole)
        name, phone = given(parts, NAME), given(parts, PHONE)
    elif name is None and phone is None:
        name = whole
    if name is None and phone is None:
        return None, "emergency_contact_missing"
    read = [text(part if isinstance(part, str) else _number(part))
            for part in (name, phone) if part is not None]  # fmt: skip
    if None in read:
        return None, "emergency_contact_unreadable"
    contact = ", ".join(part for part in read if part)
    reachable = sum(c.isdigit() for c in contact) >= _FEWEST_PHONE_DIGITS
    return contact, None if reachable else "emergency_contact_without_phone"


def _language(value: object) -> Read:
    if value is None:
        return None, None  # core keeps the language it has
    match = _LANGUAGE.fullmatch((text(value) or "").replace("_", "-"))
    return (match[1].lower() + match[2], None) if match else (None, "language_unreadable")


def _consent(value: object) -> Read:
    """Read a consent: true or false, never deduced. None: not stated."""
    if isinstance(value, str):
        value = {"true": True, "false": False}.get(value.strip().lower(), value)
    if value is None or isinstance(value, bool):
        return value, None
    return None, "consent_unreadable"


def _digits(value: object) -> str | None:
    """Return a phone's digits without leading zeros: with or without country code, as typed."""
    typed = text(value if isinstance(value, str) else _number(value)) or ""
    digits = "".join(c for c in typed if c.isascii() and c.isdigit()).lstrip("0")
    return digits if len(digits) >= _FEWEST_PHONE_DIGITS else None


def _number(value: object) -> str | None:
    return str(value) if type(value) is int else None
