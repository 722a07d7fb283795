"""The strength of a medicine ("500 mg", "250 mg/5 ml") as a decimal and a unit.

A value exists only where the text has one safe reading. By the Joint Commission's "Do Not Use" list
and ISMP's List of Error-Prone Abbreviations these have none: U and IU (read as 0, 4, IV, 10), a
trailing zero (1.0 read as 10), a missing leading zero (.5 read as 5), µg (read as mg), cc (read as
U), gr (grain or gram). A number without a unit is no strength. A combination (500 mg + 125 mg) is
readable but has no single value, so it has none and needs no review.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import NamedTuple, cast

from shared.text import fold, scalar_text

_UNIT_NAMES = {
    "mg": "mg mgs milligram milligrams",
    "g": "g gm gms gram grams",
    "mcg": "mcg mcgs microgram micrograms",
    "ml": "ml mls millilitre millilitres milliliter milliliters",
    "meq": "meq",
    "mmol": "mmol",
    "unit": "unit units",
    "international unit": "international-unit international-units",
    "%": "%",
}
_UNITS = {name.replace("-", " "): u for u, names in _UNIT_NAMES.items() for name in names.split()}
_AMBIGUOUS_UNITS = frozenset(("u", "iu", "\N{GREEK SMALL LETTER MU}g", "ug", "cc", "gr"))
_PER_UNIT_NAMES = {
    "ml": "ml",
    "g": "g gm gram",
    "h": "h hr hour",
    "dose": "dose",
    "puff": "puff",
    "spray": "spray",
    "actuation": "actuation",
}
_PER_UNITS = {name: unit for unit, names in _PER_UNIT_NAMES.items() for name in names.split()}

_NUMBER = r"(?:0|[1-9][0-9,]{0,14})(?:\.[0-9]{1,6})?|\.[0-9]{1,6}"
_QUANTITY = re.compile(
    rf"({_NUMBER}) ?(%|[a-z\u03bc]+(?: units?)?)(?: ?[wv]/[wv])?"
    rf"(?: ?(?:/|per) ?((?:[1-9][0-9]{{0,3}}(?:\.[0-9]{{1,2}})?)?) ?([a-z]+))?"
)
_GROUPED = re.compile(r"[0-9]{1,3}(?:,[0-9]{2,3}){0,4},[0-9]{3}")  # 60,000 and 2,50,000
_SEPARATOR = re.compile(r" ?[+/&] ?")
_BARE_NUMBER = re.compile(rf"{_NUMBER}")
_MAX_TEXT = 80  # a longer one is never understood, so never worth folding


class Strength(NamedTuple):
    """`unit` is "mg", or "mg/5ml" for a concentration. `reason` is None where no review is due."""

    value: Decimal | None
    unit: str | None
    reason: str | None


_UNREADABLE = Strength(None, None, "strength_unreadable")


def strength_text(value: object) -> str | None:
    """The strength as text: as read, or put together from {value, unit} or a number; else None."""
    if not isinstance(value, dict):
        return scalar_text(value)
    fields = cast("dict[object, object]", value)
    amount, unit = scalar_text(fields.get("value")), fields.get("unit")
    return f"{amount} {unit}" if amount and isinstance(unit, str) else None


def read_strength(text: str) -> Strength:
    """Read a strength as written."""
    folded = fold(text) if len(text) <= _MAX_TEXT else ""
    if _BARE_NUMBER.fullmatch(folded):
        return Strength(None, None, "strength_without_unit")
    if match := _QUANTITY.fullmatch(folded):
        strength = _quantity(match)
        if strength is not _UNREADABLE:
            return strength
    return _combination(folded)


def _quantity(match: re.Match[str]) -> Strength:
    digits, unit, amount, per = match[1], match[2], match[3], match[4]
    whole = digits.partition(".")[0]
    misread = _misread(unit, digits, amount or "")
    if misread:
        return Strength(None, None, misread)
    if unit not in _UNITS or (per and per not in _PER_UNITS):
        return _UNREADABLE
    value = Decimal(digits.replace(",", ""))
    if not value or ("," in whole and not _GROUPED.fullmatch(whole)):
        return _UNREADABLE
    name = _UNITS[unit]
    if per:
        name += f"/{amount if amount != '1' else ''}{_PER_UNITS[per]}"
    return Strength(value, name, None)


def _misread(unit: str, *numbers: str) -> str | None:
    """The reason why a strength of this form is known to be misread, None where it is not."""
    if unit in _AMBIGUOUS_UNITS:
        return "strength_unit_ambiguous"
    if any(digits.startswith(".") for digits in numbers):
        return "strength_naked_decimal"
    if any("." in digits and digits.endswith("0") for digits in numbers):
        return "strength_trailing_zero"
    return None


def _combination(folded: str) -> Strength:
    """Parts such as "500 mg + 125 mg", each readable by itself; the first doubtful part decides."""
    parts = _SEPARATOR.split(folded)
    if not 2 <= len(parts) <= 6:
        return _UNREADABLE
    for part in parts:
        match = _QUANTITY.fullmatch(part)
        strength = _quantity(match) if match else _UNREADABLE
        if strength.reason:
            return strength
    return Strength(None, None, None)
