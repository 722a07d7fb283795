"""A prescription as readable text, for the patient and for search. Pure; nothing is added."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from shared.models.prescriptions import Prescription


def readable(prescription: Prescription) -> str:
    """Return the summary as lines of text; what the summary does not say is not mentioned."""
    return "\n".join(_lines(prescription))


def _lines(prescription: Prescription) -> Iterator[str]:
    summary = prescription.summary
    yield f"Prescription of {prescription.created_at[:10]}"
    if prescription.doctor:
        yield f"Doctor: {prescription.doctor}"
    for key, label in (("diagnosis", "Diagnosis"), ("notes", "Notes")):
        if text := _text(summary.get(key)):
            yield f"{label}: {text}"
    medicines = [line for item in _items(summary.get("medications")) if (line := _medicine(item))]
    if medicines:
        yield "Medications:"
        yield from medicines
    if tests := [text for item in _items(summary.get("lab_tests")) if (text := _text(item))]:
        yield "Lab tests: " + ", ".join(tests)
    if days := _text(summary.get("follow_up_days")):
        yield f"Follow-up in {days} days"


def _medicine(item: object) -> str:
    """One row of the medication table: name | strength | form | frequency | route | duration."""
    if not isinstance(item, dict):
        return _text(item)
    fields = cast("dict[str, Any]", item)
    days = _text(fields.get("duration_days"))
    cells = [
        *(_text(fields.get(key)) for key in ("name", "strength", "form", "frequency", "route")),
        f"{days} days" if days else "",
    ]
    return " | ".join(cell for cell in cells if cell)


def _items(value: object) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else []


def _text(value: object) -> str:
    """Return a scalar as one line of text; anything else, and nothing, as ''."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return " ".join(str(value).split())
