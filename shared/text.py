"""Text and numbers as they come out of JSON, made safe to store and to compare.

Three forms of one text, from faithful to comparable:

* `one_line`: as read, on one line, without what PostgreSQL cannot hold (NUL, lone surrogates) and
  without invisible direction marks that make a line show other than it is stored;
* `compatible`: additionally Unicode NFKC, save for the two places where NFKC changes a number:
  it turns 1½ into 11⁄2 (eleven halves) and 10⁵ into 105;
* `fold`: additionally lower case, ASCII digits and no full stop behind a letter ("B.I.D." = "bid").
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache
from typing import TypeVar

_T = TypeVar("_T")
# Names, strengths and frequencies repeat from one prescription to the next; lines as wholes hardly.
_REMEMBERED = 4096
_LONGEST_REMEMBERED = 80  # characters; longer ones are rare, and would let strangers fill memory

# ZWJ and ZWNJ (U+200C, U+200D) stay: they spell words in Malayalam, Kannada and Hindi.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u200b\u202a-\u202e\u2060-\u2069\ufeff]"
)
_ODD_SPACE = re.compile("[\x0b\x0c\x1c-\x1f\x85]")
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_NUMERIC_TRAPS = str.maketrans(
    {
        **dict(zip("½¼¾⅓⅔", (" 1/2", " 1/4", " 3/4", " 1/3", " 2/3"), strict=True)),
        **{power: f"^{digit}" for digit, power in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")},
        "⁄": "/",
    }
)
_TYPOGRAPHY = str.maketrans(dict.fromkeys("‐‑‒–—−", "-") | {"×": "x"})
_ABBREVIATION_STOP = re.compile(r"(?<=[a-z])\.")
_PLAUSIBLE_MAGNITUDE = 12  # powers of ten; beyond it a number is noise, and costly to write out


def remembered(read: Callable[[str], _T]) -> Callable[[str], _T]:
    """Remember what the short texts read last were read as. `read` must be pure."""
    recall = lru_cache(maxsize=_REMEMBERED)(read)

    def remembering(text: str) -> _T:
        return recall(text) if len(text) <= _LONGEST_REMEMBERED else read(text)

    return remembering


def storable(text: str) -> str:
    """The text with its line breaks, without characters that a PostgreSQL text cannot hold."""
    if text.isascii() and text.isprintable():
        return text
    text = _ODD_SPACE.sub(" ", _INVISIBLE.sub("", text))
    return text if text.isascii() else _LONE_SURROGATE.sub("\N{REPLACEMENT CHARACTER}", text)


def one_line(text: str) -> str:
    """The text as read, trimmed, every run of white space one space."""
    return " ".join(storable(text).split())


def compatible(text: str) -> str:
    """`one_line` in Unicode NFKC, fractions written 1/2 and powers ^5. Idempotent."""
    if text.isascii():
        return one_line(text)
    return one_line(unicodedata.normalize("NFKC", storable(text).translate(_NUMERIC_TRAPS)))


def fold(text: str) -> str:
    """The form in which two texts are compared and the rule tables are written."""
    folded = compatible(text)
    if not folded.isascii():
        folded = folded.translate(_TYPOGRAPHY)
        # Devanagari ५ and the like: the same digit, so the same value.
        folded = "".join(str(unicodedata.decimal(c)) if c.isdecimal() else c for c in folded)
    folded = folded.casefold()
    return _ABBREVIATION_STOP.sub("", folded) if "." in folded else folded


def number(value: object) -> Decimal | None:
    """A finite JSON number of sane size as a Decimal; None for anything else, booleans included."""
    if isinstance(value, float):
        if not math.isfinite(value):
            return None
        value = Decimal(repr(value))  # the shortest text that reads back as this float
    elif isinstance(value, int) and not isinstance(value, bool):
        return Decimal(value) if abs(value) < 10**_PLAUSIBLE_MAGNITUDE else None
    elif not isinstance(value, Decimal):
        return None
    if not value.is_finite() or abs(value.adjusted()) > _PLAUSIBLE_MAGNITUDE:
        return None
    return value


def plain(value: Decimal) -> str:
    """Digits without exponent and without trailing zeros: Decimal("1.50") is "1.5"."""
    return f"{value.normalize():f}"


def scalar_text(value: object) -> str | None:
    """A JSON string as it is, a JSON number as plain digits; None for anything else."""
    if isinstance(value, str):
        return value
    amount = number(value)
    return None if amount is None else plain(amount)
