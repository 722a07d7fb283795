"""Medications as a document's OCR read them: one reader, small rule tables, nothing invented."""

from __future__ import annotations

from shared.medications.medication import (
    REVIEW_REASONS,
    Medication,
    MedicationsUnreadableError,
)
from shared.medications.reader import MAX_ENTRIES, read_medications

__all__ = [
    "MAX_ENTRIES",
    "REVIEW_REASONS",
    "Medication",
    "MedicationsUnreadableError",
    "read_medications",
]
