"""Splits a frequency text into the phrases it is made of and collects what they say.

Slots are morning-noon-night, or morning-noon-evening-night when there are four (the Indian
scheme); their separator is a hyphen or a plus. An amount above ten in a slot is refused: it is a
date (12-5-24), or insulin units. Two slots ("1-1") are ambiguous: times of day, or a range.

What looks like an amount is often something else, and then a person decides: hours of the day
(6-2-10), the number to dispense (BD 10 tabs), days (1-0-1 - 5), a decimal that lost its zero
(.5 tab) or could lose its point (1.0 tab).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeVar

from shared.medications.duration import MARKED, stated_days
from shared.medications.timing import Meal, PeriodUnit, Rate, When
from shared.medications.vocabulary import (
    AMBIGUOUS,
    COUNTS,
    DOSE_UNITS,
    HALF,
    MOST_AT_ONCE,
    PHRASES,
    Part,
)

_T = TypeVar("_T")

_SLOT_NAMES: dict[int, tuple[When, ...]] = {
    3: ("MORN", "NOON", "NIGHT"),
    4: ("MORN", "NOON", "EVE", "NIGHT"),
}
_MAX_SLOT = 10
_FOUR, _LEAST_DAYS = 4, 2  # "1-0-1-5": five at night, or three slots and five days?
_OPEN = Rate()
_PERIOD_UNITS: dict[str, PeriodUnit] = {"h": "h", "g": "h", "d": "d", "w": "wk", "m": "mo"}


def _any(words: Iterable[str]) -> str:
    """A pattern for any of the words, the longest first so that "tabs" is not read as "tab"."""
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


_END = r"(?![^\W_]|[\u0900-\u097f])"  # \w leaves out the vowel signs of Devanagari
_AMOUNT = r"(?:[1-9] )?[1-3]/[24]|(?:0|[1-9][0-9]?)(?:\.[0-9]{1,2})?"
_POSITIVE = "[1-9][0-9]?"
_SPANS = "hours?|hrs?|h|days?|weeks?|months?|ghante|ghanta"

# Tried in this order at every position. Every alternative is bounded in length, so the time is
# linear in the text, whatever it holds.
_ALTERNATIVES = (
    rf"(?P<slots>(?:{_AMOUNT})(?: ?[-+] ?(?:{_AMOUNT})){{1,3}}(?!\.?[0-9]|/| ?[-+]))",
    rf"(?P<days>{MARKED})",
    rf"(?P<dose>(?P<amount>{_AMOUNT}|{_any([*HALF, *COUNTS])}) ?(?P<of>{_any(DOSE_UNITS)}){_END})",
    rf"(?P<hourly>(?:(?:q|every|har) ?)?(?P<hours>{_POSITIVE})(?:th)? ?-?(?:hourly|hrly){_END})",
    rf"(?P<every>(?:q|every|har) ?(?P<spans>{_POSITIVE}) ?(?P<span>{_SPANS}){_END})",
    rf"(?P<count>(?P<times>{_POSITIVE}|{_any(COUNTS)}) ?(?:times?|x|baar|bar|dafa|बार){_END})",
    rf"(?P<word>(?:{_any(PHRASES)}){_END})",
    rf"(?P<ambiguous>(?:{_any(AMBIGUOUS)}){_END})",
    r"(?P<blank>(?:[ ,;()&|]|\.(?! ?[0-9]))+)",  # the point of ".5 tab" is none
)
_PHRASE = re.compile("|".join(_ALTERNATIVES))
_EVERY_MEAL = re.compile(
    r"meals|(?:\b(?:meal|food|eating|ac|pc)|pehle|pahle|baad|bad) ?(?:and|&|aur) "
)


class UnreadableError(Exception):
    """A phrase that is not understood."""


class ContradictionError(Exception):
    """Two phrases that cannot both be true."""


@dataclass(slots=True)
class Reading:
    """What all the phrases say together. `when` is in the order written, without repeats."""

    rate: Rate = _OPEN
    when: tuple[When, ...] = ()
    slots: tuple[tuple[When, Decimal], ...] | None = None
    dose: Decimal | None = None
    dose_unit: str | None = None
    meal: Meal | None = None
    days: int | None = None
    as_needed: bool = False
    single: bool = False
    ambiguous: bool = False


def read_phrases(folded: str) -> Reading:
    """Read a folded frequency text.

    Raises:
        UnreadableError: some part of it is no known phrase.
        ContradictionError: two phrases disagree.
    """
    reading = Reading()
    position = 0
    while position < len(folded):
        phrase = _PHRASE.match(folded, position)
        if phrase is None:
            raise UnreadableError
        _take(reading, phrase)
        position = phrase.end()
    reading.ambiguous |= _is_doubtful(reading) or _is_miscounted(reading, folded)
    return reading


def _is_doubtful(reading: Reading) -> bool:
    """Whether an amount is larger than what is taken at once, so that it may be no amount."""
    amounts = [amount for _, amount in reading.slots or ()]
    amounts += [] if reading.dose is None else [reading.dose]
    return any(amount > MOST_AT_ONCE[reading.dose_unit or "tablet"] for amount in amounts)


def _is_miscounted(reading: Reading, folded: str) -> bool:
    """Whether the times of day named are not the number of doses."""
    if reading.slots is not None or reading.rate.times is not None:
        return False
    named = set(reading.when)
    if {"NIGHT", "HS"} <= named or ({"EVE", "NIGHT"} <= named and "dinner" in folded):
        return True  # "at night, HS", "evening after dinner": one time, named twice
    # "Before meals and at bedtime" is four times, "before food at bedtime" is once.
    return len(named) == 1 and reading.meal is not None and bool(_EVERY_MEAL.search(folded))


def _take(reading: Reading, phrase: re.Match[str]) -> None:
    match phrase.lastgroup:
        case "slots":
            _take_slots(reading, phrase["slots"])
        case "days":
            reading.days = _agreed(reading.days, stated_days(phrase["days"]))
        case "dose":
            _take_dose(reading, phrase["amount"], phrase["of"])
        case "hourly":
            _take_rate(reading, Rate(None, int(phrase["hours"]), "h"))
        case "every":
            unit = _PERIOD_UNITS[phrase["span"][0]]
            _take_rate(reading, Rate(None, int(phrase["spans"]), unit))
        case "count":
            times = phrase["times"]
            _take_rate(reading, Rate(COUNTS.get(times) or int(times)))
        case "word":
            _take_part(reading, PHRASES[phrase["word"]])
        case "ambiguous":
            reading.ambiguous = True
        case _:
            pass  # blank


def _take_slots(reading: Reading, text: str) -> None:
    amounts = [_amount(part) for part in re.split("[-+]", text)]
    if len(amounts) not in _SLOT_NAMES:
        reading.ambiguous = True
        return
    if max(amounts) > _MAX_SLOT:
        raise UnreadableError
    if len(amounts) == _FOUR and amounts[-1] >= _LEAST_DAYS and amounts[-1] > max(amounts[:-1]) > 0:
        reading.ambiguous = True
    slots = zip(_SLOT_NAMES[len(amounts)], amounts, strict=True)
    reading.slots = _agreed(reading.slots, tuple(slot for slot in slots if slot[1]))


def _take_dose(reading: Reading, amount: str, unit: str) -> None:
    value = Decimal("0.5") if amount in HALF else _amount(str(COUNTS.get(amount, amount)))
    if not value:
        raise UnreadableError
    reading.dose = _agreed(reading.dose, value)
    reading.dose_unit = _agreed(reading.dose_unit, DOSE_UNITS[unit])


def _take_part(reading: Reading, part: Part) -> None:
    _take_rate(reading, part.rate)
    if part.when and part.when not in reading.when:
        reading.when += (part.when,)
    if part.meal:
        reading.meal = _agreed(reading.meal, part.meal)
    reading.as_needed |= part.as_needed
    reading.single |= part.single


def _take_rate(reading: Reading, rate: Rate) -> None:
    known = reading.rate
    reading.rate = Rate(
        known.times if rate.times is None else _agreed(known.times, rate.times),
        known.period if rate.period is None else _agreed(known.period, rate.period),
        known.unit if rate.unit is None else _agreed(known.unit, rate.unit),
    )


def _agreed(known: _T | None, said: _T) -> _T:
    if known is not None and known != said:
        raise ContradictionError
    return said


def _amount(text: str) -> Decimal:
    """An amount such as "1", "0.5", "1/2" or "1 1/2". Tablets are broken in halves and quarters."""
    whole, _, rest = text.strip().rpartition(" ")
    numerator, slash, denominator = rest.partition("/")
    if not slash:
        if "." in rest and rest.endswith("0"):
            raise UnreadableError  # 1.0 without its point is ten
        return Decimal(rest)
    if numerator >= denominator:  # single digits
        raise UnreadableError
    return Decimal(whole or 0) + Decimal(numerator) / Decimal(denominator)
