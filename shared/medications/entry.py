"""Reads one entry of a document's `medications` into a `Medication`. Never raises."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import NamedTuple

from shared.medications.duration import DEFAULT_DAYS, mentions_duration, read_duration
from shared.medications.fields import DURATION, FREQUENCY, GENERIC_NAME, RAW, Fields
from shared.medications.frequency import Frequency, read_frequency
from shared.medications.medication import Medication
from shared.medications.raw_line import Stated, contradicts
from shared.medications.strength import Strength, read_strength, strength_text
from shared.text import (
    compatible,
    fold,
    number,
    one_line,
    plain,
    remembered,
    scalar_text,
    storable,
)

REVIEW_BELOW = Decimal("0.7")  # the product's rule: a less certain reading is for a person
DEFAULTS = {"form": "tablet", "route": "oral"}  # the product's, for what a document leaves unsaid
MAX_NAME, MAX_FIELD, MAX_RAW = 200, 200, 1000  # characters kept of a text

_LETTER = re.compile(r"[^\W\d_]")
_AMBIGUOUS_NAMES = frozenset(("ms", "mso4", "mgso4"))  # Joint Commission, "Do Not Use" list


class Said(NamedTuple):
    """A text as kept, as compared, and what is wrong with it."""

    text: str | None
    folded: str
    reasons: tuple[str, ...] = ()


class SaidStrength(NamedTuple):
    """A strength as kept, its value, as compared, and what is wrong with it."""

    text: str | None
    value: Strength
    folded: str
    reasons: tuple[str, ...]


class SaidFrequency(NamedTuple):
    """A frequency as kept, what it means, and what is wrong with it."""

    text: str | None
    value: Frequency
    reasons: tuple[str, ...]


_NAMELESS = Said(None, "", ("name_missing",))
_UNSAID = {field: Said(None, fold(said)) for field, said in DEFAULTS.items()}


def read_entry(entry: object, *, position: int, document_id: str) -> Medication:
    """Read one entry, whatever it is."""
    fields = Fields(entry)
    reasons = fields.reasons
    raw = _raw(fields)
    name = _name(fields)
    generic_name = _generic_name(fields)
    strength = _strength(fields)
    frequency = _frequency(fields)
    form = _form_or_route(fields, "form")
    route = _form_or_route(fields, "route")
    days, days_defaulted = _duration(fields, frequency, raw)
    confidence = _confidence(fields)
    if raw and contradicts(
        raw,
        name.text,
        Stated(strength.text, strength.value),
        Stated(frequency.text, frequency.value.timing),
        None if days_defaulted else days,
    ):
        reasons.append("raw_disagrees")
    defaulted = (
        *(("form",) if form.text is None else ()),
        *(("route",) if route.text is None else ()),
        *(("duration_days",) if days_defaulted else ()),
    )
    return Medication(
        document_id=document_id,
        position=position,
        # One-line texts hold no line break, so no two medicines share an identity.
        identity=f"{name.folded}\n{strength.folded}\n{form.folded}\n{route.folded}",
        name=name.text,
        generic_name=generic_name,
        strength=strength.text,
        strength_value=strength.value.value,
        strength_unit=strength.value.unit,
        form=form.text or DEFAULTS["form"],
        route=route.text or DEFAULTS["route"],
        frequency=frequency.text,
        timing=frequency.value.timing,
        duration_days=days,
        confidence=confidence,
        raw=raw,
        defaulted=defaulted,
        review_reasons=tuple(dict.fromkeys(reasons)) if reasons else (),
    )


def _raw(fields: Fields) -> str | None:
    value = fields.first(*RAW)
    text = storable(value) if isinstance(value, str) else ""
    return fields.cut(text, MAX_RAW) or None if not text.isspace() else None


def _name(fields: Fields) -> Said:
    value = fields.first("name")
    said = _read_name(value) if isinstance(value, str) else _NAMELESS
    fields.reasons += said.reasons
    return said


@remembered
def _read_name(text: str) -> Said:
    name, reasons = _compatible_line(text)
    if name is None or not _LETTER.search(name):
        return Said(None, "", (*reasons, "name_missing"))
    folded = fold(name)
    if folded in _AMBIGUOUS_NAMES:
        reasons = (*reasons, "name_ambiguous")
    return Said(name, folded, reasons)


def _generic_name(fields: Fields) -> str | None:
    value = fields.first(*GENERIC_NAME)
    if not isinstance(value, str):
        return None
    name, reasons = _compatible_line(value)
    fields.reasons += reasons
    return name


def _compatible_line(text: str) -> tuple[str | None, tuple[str, ...]]:
    """Cut before normalising, which takes quadratic time on a run of combining marks."""
    line, cut_before = _cut_line(text, MAX_NAME)
    normal = compatible(line) if line else ""
    name, cut_after = _cut(normal, MAX_NAME)
    return name or None, cut_before or cut_after


def _cut_line(text: str, limit: int) -> tuple[str, tuple[str, ...]]:
    return _cut(one_line(text), limit)


def _cut(text: str, limit: int) -> tuple[str, tuple[str, ...]]:
    """A cut text is flagged: its end may change its sense."""
    return (text, ()) if len(text) <= limit else (text[:limit].rstrip(), ("text_truncated",))


def _strength(fields: Fields) -> SaidStrength:
    value = fields.first("strength")
    text = value if isinstance(value, str) else strength_text(value)
    if text is None:
        reason = "strength_missing" if value is None else "strength_unreadable"
        said = SaidStrength(None, Strength(None, None, reason), "", (reason,))
    else:
        said = _read_strength(text)
    fields.reasons += said.reasons
    return said


@remembered
def _read_strength(text: str) -> SaidStrength:
    as_read, reasons = _cut_line(text, MAX_FIELD)
    strength = read_strength(as_read) if as_read else Strength(None, None, "strength_unreadable")
    if strength.value is not None:
        folded = f"{plain(strength.value)} {strength.unit}"
    else:
        folded = fold(as_read).replace(" ", "")
    if strength.reason:
        reasons = (*reasons, strength.reason)
    return SaidStrength(as_read or None, strength, folded, reasons)


def _frequency(fields: Fields) -> SaidFrequency:
    value = fields.first(*FREQUENCY)
    text = value if isinstance(value, str) else scalar_text(value)
    if text is None:
        reason = "frequency_missing" if value is None else "frequency_unreadable"
        said = SaidFrequency(None, Frequency(None, None, reason), (reason,))
    else:
        said = _read_frequency(text)
    fields.reasons += said.reasons
    return said


@remembered
def _read_frequency(text: str) -> SaidFrequency:
    as_read, reasons = _cut_line(text, MAX_FIELD)
    frequency = (
        read_frequency(as_read) if as_read else Frequency(None, None, "frequency_unreadable")
    )
    if frequency.reason:
        reasons = (*reasons, frequency.reason)
    return SaidFrequency(as_read or None, frequency, reasons)


def _form_or_route(fields: Fields, field: str) -> Said:
    value = fields.first(field)
    if value is None:
        return _UNSAID[field]
    said = _read_field(value) if isinstance(value, str) else Said(None, "")
    fields.reasons += said.reasons
    if said.text is None:
        fields.reasons.append(f"{field}_unreadable")
        return _UNSAID[field]
    return said


@remembered
def _read_field(text: str) -> Said:
    line, reasons = _cut_line(text, MAX_FIELD)
    return Said(line or None, fold(line), reasons)


def _duration(fields: Fields, said: SaidFrequency, raw: str | None) -> tuple[int | None, bool]:
    """The days, and whether they are the product's default for a document that states none.

    A duration may also stand in the frequency ("BD x 5 days") or in the raw line only. Thirty days
    would then contradict the document, so there is no default.
    """
    frequency = said.value
    readings = [read_duration(value) for value in fields.given(*DURATION)]
    if frequency.days is not None:
        readings.append(read_duration(frequency.days))
    if not readings:
        unread = said.text if frequency.timing is None else None
        if any(text and mentions_duration(text) for text in (unread, raw)):
            fields.reasons.append("duration_only_in_text")
            return None, False
        return DEFAULT_DAYS, True
    reasons = [reading.reason for reading in readings if reading.reason]
    if not reasons and len({reading.days for reading in readings}) > 1:
        reasons = ["duration_contradictory"]
    fields.reasons.extend(reasons)
    return (None if reasons else readings[0].days), False


def _confidence(fields: Fields) -> Decimal | None:
    value = fields.first("confidence")
    if value is None:
        return None
    confidence = number(value)
    if confidence is None or not 0 <= confidence <= 1:
        fields.reasons.append("confidence_unreadable")
        return None
    if confidence < REVIEW_BELOW:
        fields.reasons.append("confidence_low")
    return confidence
