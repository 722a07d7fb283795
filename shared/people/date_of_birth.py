"""
A date of birth as the apps write it: ISO date, epoch milliseconds or Firestore timestamp. Pure.

An instant names a date only where it is midnight: date pickers give midnight UTC or midnight in
India (UTC+05:30). Any other instant, and any order of day and month that could be another
(01/02/1990), is ambiguous, and no guess is made.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

FIRST = date(1900, 1, 1)
_INDIA = timedelta(hours=5, minutes=30)
_DAY = timedelta(days=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_YEAR_FIRST = re.compile(r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})")
_DAY_OR_MONTH_FIRST = re.compile(r"[0-9]{1,2}[-/. ][0-9]{1,2}[-/. ][0-9]{2,4}")
_LARGEST_MS = 10**14  # year 5138: beyond any date of birth, and within what a timedelta can hold
_MOST_DAYS = 10**5  # years 1696 to 2243: no calendar overflows


def read_date_of_birth(value: object, today: date) -> tuple[date | None, str | None]:
    """
    Return the date, or None and why: dob_missing, dob_unreadable, dob_ambiguous, dob_in_future or
    dob_before_1900. `today` is the latest date that it is anywhere.
    """
    if value is None:
        return None, "dob_missing"
    born, reason = _date(value)
    if born is None:
        return None, reason
    if born > today:
        return None, "dob_in_future"
    if born < FIRST:
        return None, "dob_before_1900"
    return born, None


def _date(value: object) -> tuple[date | None, str | None]:
    match value:
        case bool():
            return None, "dob_unreadable"
        case str():
            return _from_text(value.strip())
        case datetime():
            return _from_instant(value)
        case int() | float() if abs(value) < _LARGEST_MS and value == int(value):
            return _from_instant(_EPOCH + timedelta(milliseconds=int(value)))
        case _:
            return None, "dob_unreadable"


def _from_text(text: str) -> tuple[date | None, str | None]:
    if _DAY_OR_MONTH_FIRST.fullmatch(text):
        return None, "dob_ambiguous"
    try:
        if match := _YEAR_FIRST.fullmatch(text):
            year, month, day = map(int, match.groups())
            return date(year, month, day), None
        if "T" in text:
            return _from_instant(datetime.fromisoformat(text))
    except ValueError:
        pass
    return None, "dob_unreadable"


def _from_instant(instant: datetime) -> tuple[date | None, str | None]:
    if instant.tzinfo is None:
        local = instant  # a local time: its date is what was meant
        return (local.date(), None) if local.time() == local.min.time() else (None, "dob_ambiguous")
    since = instant - _EPOCH
    for offset in (timedelta(0), _INDIA):
        days, rest = divmod(since + offset, _DAY)
        if not rest and abs(days) < _MOST_DAYS:
            return _EPOCH.date() + days * _DAY, None
    return None, "dob_ambiguous"
