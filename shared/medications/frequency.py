"""From a frequency as written ("1-0-1 after food x 5 days") to a `Timing`, or the reason why not.

A text is understood only as a whole: with one unknown word, two phrases that contradict each other
or one ambiguous abbreviation there is no timing, and a person decides.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from shared.medications.phrases import ContradictionError, Reading, UnreadableError, read_phrases
from shared.medications.timing import PeriodUnit, Rate, Timing, When
from shared.text import fold

_HOURS: dict[PeriodUnit, int] = {"h": 1, "d": 24, "wk": 168, "mo": 720}
_LONGEST: dict[PeriodUnit, int] = {"h": 72, "d": 31, "wk": 8, "mo": 12}
_ORDER: tuple[When, ...] = ("MORN", "NOON", "EVE", "NIGHT", "HS")
_MAX_TEXT = 120  # a longer one is never understood, so never worth folding


class Frequency(NamedTuple):
    """`days` is a duration that the frequency text itself states ("BD x 5 days")."""

    timing: Timing | None
    days: int | None
    reason: str | None


def read_frequency(text: str) -> Frequency:
    """Read a frequency as written. Exactly one of `timing` and `reason` is set."""
    if len(text) > _MAX_TEXT:
        return Frequency(None, None, "frequency_unreadable")
    try:
        reading = read_phrases(fold(text))
        if reading.ambiguous:
            return Frequency(None, reading.days, "frequency_ambiguous")
        return Frequency(_timing(reading), reading.days, None)
    except UnreadableError:
        return Frequency(None, None, "frequency_unreadable")
    except ContradictionError:
        return Frequency(None, None, "frequency_contradictory")


def _timing(reading: Reading) -> Timing:
    dose = () if reading.dose is None else (reading.dose,)
    timing = Timing(
        when=tuple(sorted(reading.when, key=_ORDER.index)),
        doses=dose,
        dose_unit=reading.dose_unit,
        meal=reading.meal,
        as_needed=reading.as_needed,
        single=reading.single,
    )
    if reading.single:
        if reading.rate != Rate() or timing.when or reading.slots or reading.as_needed:
            raise ContradictionError
        return timing
    if reading.slots is not None:
        timing = _with_slots(timing, reading)
    rate = _rate_of_day(reading.rate, timing.when) if timing.when else _rate(reading)
    return replace(timing, rate=rate and _plausible(rate))


def _with_slots(timing: Timing, reading: Reading) -> Timing:
    """Slots name times and amounts; words beside them may only repeat what they say."""
    when = tuple(name for name, _ in reading.slots or ())
    doses = tuple(amount for _, amount in reading.slots or ())
    if not when:
        raise UnreadableError  # 0-0-0
    said = {"NIGHT" if name == "HS" else name for name in timing.when}
    if said and said != set(when):
        raise ContradictionError
    if any(dose != doses[0] for dose in timing.doses) or (timing.doses and len(set(doses)) > 1):
        raise ContradictionError
    return replace(timing, when=when, doses=doses)


def _rate_of_day(rate: Rate, when: tuple[When, ...]) -> Rate:
    """As often as times of day are named; "once weekly at night" keeps its week."""
    times, period, unit = rate.times or len(when), rate.period or 1, rate.unit or "d"
    every_day = (period, unit) == (1, "d")
    if times != len(when) or unit == "h" or (len(when) > 1 and not every_day):
        raise ContradictionError
    return Rate(times, period, unit)


def _rate(reading: Reading) -> Rate | None:
    times, period, unit = reading.rate
    if period is None or unit is None:
        if reading.as_needed and times is None:
            return None
        raise UnreadableError  # "twice", or no frequency at all
    return Rate(times or 1, period, unit)


def _plausible(rate: Rate) -> Rate:
    """At most 24 times a day, at least once in a year."""
    times, period, unit = rate
    if times is None or period is None or unit is None:
        raise UnreadableError
    if not 1 <= period <= _LONGEST[unit] or not 1 <= times <= _HOURS[unit] * period:
        raise UnreadableError
    return rate
