"""The backend's document types, by every spelling the product's parts use (in any case)."""

from __future__ import annotations

TYPES = {
    "prescription": "PRESCRIPTION",
    "lab": "LAB",
    "lab_report": "LAB",
    "lab report": "LAB",
    "report": "REPORT",
}
