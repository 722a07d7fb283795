"""Reads one entry of a document's `medications` into a `Medication`. Never raises."""

from __future__ import annotations

import re
from decimal import Decimal

from shared.medications.duration import DEFAULT_DAYS, mentions_duration, read_duration
from shared.medications.fields import Fields
from shared.medications.frequency import Frequency, read_frequency
from shared.medications.medication import Medication
from shared.medications.raw_line import Stated, contradicts
from shared.medications.strength import Strength, read_strength, strength_text
from shared.medications.text import compatible, fold, number, one_line, plain, scalar_text, storable

REVIEW_BELOW = Decimal("0.7")  # the product's rule: a less certain reading is for a person
DEFAULTS = {"form": "tablet", "route": "oral"}  # the product's, for what a document leaves unsaid
MAX_NAME, MAX_FIELD, MAX_RAW = 200, 200, 1000  # characters kept of a text

_LETTER = re.compile(r"[^\W\d_]")
_AMBIGUOUS_NAMES = frozenset(("ms", "mso4", "mgso4"))  # Joint Commission, "Do Not Use" list


def read_entry(entry: object, *, position: int, document_id: str) -> Medication:
    """Read one entry, whatever it is."""
    fields = Fields(entry)
    raw = _raw(fields)
    name = _name(fields)
    generic_name = _compatible_line(fields, fields.first("generic_name", "genericName"))
    strength_as_read, strength = _strength(fields)
    frequency_as_read, frequency = _frequency(fields)
    form = _form_or_route(fields, "form")
    route = _form_or_route(fields, "route")
    days, days_defaulted = _duration(fields, frequency_as_read, frequency, raw)
    confidence = _confidence(fields)
    if raw and contradicts(
        raw,
        name,
        Stated(strength_as_read, strength),
        Stated(frequency_as_read, frequency.timing),
        None if days_defaulted else days,
    ):
        fields.reasons.append("raw_disagrees")
    unsaid = {"form": form is None, "route": route is None, "duration_days": days_defaulted}
    return Medication(
        document_id=document_id,
        position=position,
        identity=_identity(name, strength_as_read, strength, form, route),
        name=name,
        generic_name=generic_name,
        strength=strength_as_read,
        strength_value=strength.value,
        strength_unit=strength.unit,
        form=form or DEFAULTS["form"],
        route=route or DEFAULTS["route"],
        frequency=frequency_as_read,
        timing=frequency.timing,
        duration_days=days,
        confidence=confidence,
        raw=raw,
        defaulted=tuple(field for field, said in unsaid.items() if said),
        review_reasons=tuple(dict.fromkeys(fields.reasons)),
    )


def _raw(fields: Fields) -> str | None:
    value = fields.first("raw", "rawLine", "raw_line", "line")
    return fields.cut(storable(value), MAX_RAW) or None if isinstance(value, str) else None


def _line(fields: Fields, text: str | None, limit: int) -> str | None:
    return fields.cut(one_line(text), limit) or None if text else None


def _name(fields: Fields) -> str | None:
    name = _compatible_line(fields, fields.first("name"))
    if name is None or not _LETTER.search(name):
        fields.reasons.append("name_missing")
        return None
    if fold(name) in _AMBIGUOUS_NAMES:
        fields.reasons.append("name_ambiguous")
    return name


def _compatible_line(fields: Fields, value: object) -> str | None:
    """Cut before normalising, which takes quadratic time on a run of combining marks."""
    line = _line(fields, value, MAX_NAME) if isinstance(value, str) else None
    return fields.cut(compatible(line), MAX_NAME) or None if line else None


def _strength(fields: Fields) -> tuple[str | None, Strength]:
    value = fields.first("strength")
    as_read = _line(fields, strength_text(value), MAX_FIELD)
    if as_read is None:
        reason = "strength_missing" if value is None else "strength_unreadable"
        strength = Strength(None, None, reason)
    else:
        strength = read_strength(as_read)
    if strength.reason:
        fields.reasons.append(strength.reason)
    return as_read, strength


def _frequency(fields: Fields) -> tuple[str | None, Frequency]:
    value = fields.first("frequency", "freq")
    as_read = _line(fields, scalar_text(value), MAX_FIELD)
    if as_read is None:
        reason = "frequency_missing" if value is None else "frequency_unreadable"
        frequency = Frequency(None, None, reason)
    else:
        frequency = read_frequency(as_read)
    if frequency.reason:
        fields.reasons.append(frequency.reason)
    return as_read, frequency


def _form_or_route(fields: Fields, field: str) -> str | None:
    value = fields.first(field)
    if value is None:
        return None
    text = _line(fields, value, MAX_FIELD) if isinstance(value, str) else None
    if text is None:
        fields.reasons.append(f"{field}_unreadable")
    return text


def _duration(
    fields: Fields, frequency_as_read: str | None, frequency: Frequency, raw: str | None
) -> tuple[int | None, bool]:
    """The days, and whether they are the product's default for a document that states none.

    A duration may also stand in the frequency ("BD x 5 days") or in the raw line only. Thirty days
    would then contradict the document, so there is no default.
    """
    readings = [
        read_duration(value) for value in fields.given("duration_days", "durationDays", "duration")
    ]
    if frequency.days is not None:
        readings.append(read_duration(frequency.days))
    if not readings:
        unread = frequency_as_read if frequency.timing is None else None
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


def _identity(
    name: str | None, as_read: str | None, strength: Strength, form: str | None, route: str | None
) -> str:
    if strength.value is not None:
        amount = f"{plain(strength.value)} {strength.unit}"
    else:
        amount = fold(as_read or "").replace(" ", "")
    parts = (
        fold(name or ""),
        amount,
        fold(form or DEFAULTS["form"]),
        fold(route or DEFAULTS["route"]),
    )
    return "\n".join(parts)  # one-line texts hold no line break, so no two medicines share it
