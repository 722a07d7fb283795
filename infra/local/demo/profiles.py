"""
Profiles as the apps of different ages write them, and what core must hold of them.

Written without the sync's own reader: this is its examination. Only the spellings that `spelled`
makes are understood here.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

Row = dict[str, Any]

_INDIA = timedelta(hours=5, minutes=30)
_COLUMNS = ("name", "dob", "gender", "allergies", "chronic_conditions", "emergency_contact")


def spelled(number: int, first: str, last: str) -> Row:
    """Return fields in one of the product's spellings: the apps of five ages take turns."""
    phone = f"+9197{number:08}"
    match number % 5:
        case 0:
            return {
                "firstName": first, "lastName": last, "gender": "Female", "conditions": ["asthma"],
                "emergencyContactName": "Demo Relative", "emergencyContactPhone": phone,
                "address": {"houseNo": "1", "city": "Pune", "pinCode": "411001"},
            }  # fmt: skip
        case 1:
            return {
                "first_name": first, "last_name": last, "gender": "male", "language": "hi",
                "chronic_conditions": "demo condition", "emergency_contact": phone,
            }  # fmt: skip
        case 2:  # midnight in India, as an Android date picker gives it
            born = datetime(1980, 1, 1 + number % 28, tzinfo=UTC) - _INDIA
            return {"name": f"{first} {last}", "dob": int(born.timestamp()) * 1000}
        case 3:  # 1 February or 2 January: nobody can tell
            return {"firstName": first, "lastName": last, "dob": "01/02/1990", "consentGiven": True}
        case _:
            return {"firstName": first, "lastName": last, "chronicConditions": []}


def expected(profile: Row) -> Row:
    """Return the columns of core's patient that the profile stands for."""
    parts = [profile.get("firstName") or profile.get("first_name"),
             profile.get("lastName") or profile.get("last_name")]  # fmt: skip
    contact = [profile.get("emergencyContactName"), profile.get("emergencyContactPhone")]
    conditions = profile.get("conditions") or profile.get("chronic_conditions")
    return {
        "name": " ".join(p for p in parts if p) or profile.get("name"),
        "dob": _born(profile.get("dob")),
        "gender": profile["gender"].capitalize() if "gender" in profile else None,
        "allergies": _line(profile.get("allergies")),
        "chronic_conditions": _line(conditions),
        "emergency_contact": _line([c for c in contact if c]) or profile.get("emergency_contact"),
    }


def _born(value: str | int | None) -> date | None:
    if value is None or "/" in str(value):
        return None
    if isinstance(value, int):
        return (datetime.fromtimestamp(value / 1000, UTC) + _INDIA).date()
    return date.fromisoformat(value)


def _line(value: str | list[str] | None) -> str | None:
    return (", ".join(value) if isinstance(value, list) else value) or None


def disagreements(
    profiles: dict[str, Row], doctors: dict[str, Row], core: list[Row], names: dict[str, str | None]
) -> Iterator[str]:
    """
    Compare profiles and doctors' profiles (by uid) with core's rows, and `names` (by uid), which
    Supabase shows, with both.
    """
    rows = {row["uid"]: row for row in core}
    for uid, profile in profiles.items():
        row, wanted = rows.get(uid, {}), expected(profile)
        yield from (f"profile {uid}: {n}" for n in _COLUMNS if row.get(n) != wanted[n])
        if row.get("language") != profile.get("language", "en"):
            yield f"profile {uid}: language"
        if names.get(uid) != wanted["name"]:
            yield f"profile {uid}: name in Supabase"
        flagged = row.get("review_reasons") or []
        if ("dob_ambiguous" in flagged) is not ("/" in str(profile.get("dob"))):
            yield f"profile {uid}: review reasons"
    for uid, doctor in doctors.items():
        row = rows.get(uid, {})
        wanted = {"role": "DOCTOR", "patient_id": None, "first_name": doctor.get("firstName"),
                  "last_name": doctor.get("lastName"), "license_no": doctor.get("licenseNo"),
                  "verified_status": "PENDING"}  # fmt: skip
        yield from (f"doctor {uid}: {n}" for n, value in wanted.items() if row.get(n) != value)
        name = " ".join(n for n in (doctor.get("firstName"), doctor.get("lastName")) if n)
        if names.get(uid) != (name or None):
            yield f"doctor {uid}: name in Supabase"
