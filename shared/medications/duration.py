"""How long a medicine is taken, in days.

Rules: a bare number is days; 5/7, 2/52 and 3/12 are days, weeks and months (British shorthand, also
used in India); a week is 7 days and a month 30, the product's own default month. Accepted are whole
days from 1 to 365. Anything else has no value: a course length is never guessed.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from shared.text import fold, number, remembered

DEFAULT_DAYS = 30  # the product's default when a prescription states no duration at all
MAX_DAYS = 365

_UNIT_NAMES = {
    1: "days day dys d din दिन",
    7: "weeks week wks wk w hafte hafta हफ्ते",
    30: "months month mths mth mo mahine mahina महीने",
    365: "years year yrs yr saal",
}
_DAYS_IN = {name: days for days, names in _UNIT_NAMES.items() for name in names.split()}
_DAYS_IN_SHORTHAND = {"7": 1, "52": 7, "12": 30}
_NUMBER_WORDS = {
    word: str(value)
    for value, words in enumerate(("one a", "two", "three", "four", "five", "six", "seven"), 1)
    for word in words.split()
}
_UNITS = "|".join(sorted(_DAYS_IN, key=len, reverse=True))
_LETTER = r"[^\W\d_]|[\u0900-\u097f]"  # \w leaves out the vowel signs of Devanagari

# Inside a longer text only a marked duration counts: "5 days a week" is a frequency.
MARKED = (
    rf"(?:x|for|upto|up to) ?[0-9]{{1,3}} ?(?:{_UNITS})(?!{_LETTER})"
    r"|(?:(?:x|for) ?)?[0-9]{1,2}/(?:7|52|12)(?![0-9/])"
    r"|[0-9]{1,3} ?(?:din|days?) (?:tak|ke liye)(?![a-z])"
)
_AMOUNT = re.compile(
    rf"(?:(?:x|for|upto|up to) ?)?([0-9]{{1,9}}|{'|'.join(_NUMBER_WORDS)}) ?({_UNITS})?"
    r"(?: tak| ke liye| only)?"
)
_SHORTHAND = re.compile(r"(?:(?:x|for) ?)?([0-9]{1,2})/(7|52|12)")
_MENTION = re.compile(
    rf"(?<![0-9.])(?<!every )(?<!each )(?<!har )[0-9]{{1,3}} ?"
    rf"(?:days?|din|weeks?|wks?|months?|mths?|hafte|mahine)(?!{_LETTER})"
    rf"|(?:x|for) ?[0-9]{{1,3}} ?[dw](?!{_LETTER})"
    r"|(?<![0-9/])[0-9]{1,2}/(?:7|52|12)(?![0-9/])"
)
_MAX_TEXT = 40  # a longer one is never understood, so never worth folding


class Duration(NamedTuple):
    """Whole days, or the review reason why there are none."""

    days: int | None
    reason: str | None


_UNREADABLE = Duration(None, "duration_unreadable")
_OUT_OF_RANGE = Duration(None, "duration_out_of_range")


def read_duration(value: object) -> Duration:
    """Read a JSON value ("5 days", "5/7", 10). The reason says what is wrong with any other."""
    if type(value) is int and 1 <= value <= MAX_DAYS:
        return Duration(value, None)
    if isinstance(value, str):
        return _read_text(value) if len(value) <= _MAX_TEXT else _UNREADABLE
    amount = number(value)
    whole = amount is not None and amount == amount.to_integral_value()
    return _checked(int(amount) if amount is not None and whole else None)


@remembered
def _read_text(text: str) -> Duration:
    return _checked(stated_days(fold(text)))


def _checked(days: int | None) -> Duration:
    if days is None:
        return _UNREADABLE
    return Duration(days, None) if 1 <= days <= MAX_DAYS else _OUT_OF_RANGE


def stated_days(folded: str) -> int | None:
    """Days in a text that states a duration and nothing else, not yet checked for range."""
    if match := _SHORTHAND.fullmatch(folded):
        return int(match[1]) * _DAYS_IN_SHORTHAND[match[2]]
    if match := _AMOUNT.fullmatch(folded):
        amount = int(_NUMBER_WORDS.get(match[1], match[1]))
        return amount * _DAYS_IN[match[2]] if match[2] else amount
    return None


def mentions_duration(text: str) -> bool:
    """Whether a free line speaks of a duration somewhere, so that a default would contradict it."""
    return _MENTION.search(fold(text)) is not None
