"""Whether the line that the OCR saw contradicts the fields that were made of it.

Fields and line come from one page. Where the line plainly names another strength, schedule or
course than the fields do, one of the two was misread, and a person decides which. Only what is
plain counts: masses with their unit, slots, abbreviations of so many times a day, marked durations.
A line that names a second course ("then OD", "taper") says more than one set of fields can.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from shared.medications.duration import MARKED, stated_days
from shared.medications.frequency import read_frequency
from shared.text import fold

if TYPE_CHECKING:
    from shared.medications.strength import Strength
    from shared.medications.timing import Timing

_MICROGRAMS = {"mcg": 1, "mg": 1000, "mgs": 1000, "g": 10**6, "gm": 10**6, "gms": 10**6}
_MASS = re.compile(
    r"(?<![0-9.,/])((?:0|[1-9][0-9]{0,5})(?:\.[0-9]{1,3})?) ?(mcg|mgs?|gms?|g)(?![a-z])"
)
_SLOTS = re.compile(r"(?<![0-9./-])[0-9/.]{1,4}(?: ?[-+] ?[0-9/.]{1,4}){2,3}(?![0-9./-])")
_TIMES = re.compile(r"(?<![a-z])(?:bds?|bid|tds|tid|qds|qid)(?![a-z])")
_COURSE = re.compile(rf"(?<![0-9/.])(?:{MARKED})")
_MORE = re.compile(r"(?<![a-z])(?:then|taper\w*|followed by)(?![a-z])")
_DIGIT = re.compile(r"\d")
_MAX_TEXT = 300  # a longer one is a paragraph: it tells of other medicines too


class Stated(NamedTuple):
    """A field as it was read, and what it is in normal form."""

    text: str | None
    value: Any


def contradicts(
    raw: str, name: str | None, strength: Stated, frequency: Stated, days: int | None
) -> bool:
    """Compare a raw line and a name with a Strength, a Timing (or None) and a number of days."""
    if len(raw) > _MAX_TEXT:
        return False
    line = fold(raw)
    padded = f" {line} "
    timing: Timing | None = frequency.value
    if timing is not None:
        if _MORE.search(line):
            return True
        if not _says(padded, frequency.text) and _another_schedule(line, timing):
            return True
    if name and _DIGIT.search(name):
        line, padded = f"{line} {fold(name)}", ""  # the name may hold a strength
    if not _says(padded, strength.text) and _another_strength(line, strength.value):
        return True
    return days is not None and f" {days} day" not in padded and _another_course(line, days)


def _says(padded: str, text: str | None) -> bool:
    """Whether a line has a field word for word, as most have: nothing else need be looked for."""
    return text is not None and f" {text.lower()} " in padded


def _another_strength(text: str, strength: Strength) -> bool:
    unit = (strength.unit or "").partition("/")[0]
    if strength.value is None or unit not in _MICROGRAMS:
        return False
    stated = {Decimal(value) * _MICROGRAMS[unit] for value, unit in _MASS.findall(text)}
    return bool(stated) and strength.value * _MICROGRAMS[unit] not in stated


def _another_schedule(line: str, timing: Timing) -> bool:
    stated = [read_frequency(found[0]).timing for found in _SLOTS.finditer(line)]
    stated += [read_frequency(found[0]).timing for found in _TIMES.finditer(line)]
    plain = [found for found in stated if found is not None]
    return bool(plain) and not any(_agree(found, timing) for found in plain)


def _agree(one: Timing, other: Timing) -> bool:
    if one.rate != other.rate and not (one.rate and other.rate and _daily(one) == _daily(other)):
        return False
    return not (one.when and one.doses and other.when and other.doses) or one.doses == other.doses


def _daily(timing: Timing) -> Decimal | None:
    """How often a day: q8h is three times."""
    if timing.rate is None:
        return None
    times, period, unit = timing.rate
    hours = {"h": 1, "d": 24}.get(unit or "")
    return Decimal(24 * (times or 1)) / (hours * (period or 1)) if hours else None


def _another_course(line: str, days: int) -> bool:
    stated = {stated_days(found[0]) for found in _COURSE.finditer(line)} - {None}
    return bool(stated) and days not in stated
