"""A complete entry of a document's medications, and how it is read."""

from __future__ import annotations

from typing import Any

from shared.medications import (
    Medication,
    read_medications,
)

COMPLETE: dict[str, Any] = {
    "name": "Amoxicillin",
    "strength": "500 mg",
    "form": "capsule",
    "frequency": "TDS",
    "route": "oral",
    "duration_days": 5,
    "confidence": 0.93,
    "raw": "Cap Amoxicillin 500 mg TDS x 5 days",
}


def read(*entries: object) -> tuple[Medication, ...]:
    return read_medications({"medications": list(entries)}, document_id="d1")


def read_one(**changes: object) -> Medication:
    changed = {**COMPLETE, **changes}
    (medication,) = read({key: value for key, value in changed.items() if value != "absent"})
    return medication
