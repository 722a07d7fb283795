"""Reads the medications out of a document's `structured_json`, whatever the OCR put there."""

from __future__ import annotations

import json
from typing import cast

from shared.medications.duplicates import merge_duplicates
from shared.medications.entry import read_entry
from shared.medications.medication import Medication, MedicationsUnreadableError

MAX_ENTRIES = 200  # far above any prescription; a longer list is not one

_LONGEST_INTEGER = 18


def read_medications(structured: object, *, document_id: str) -> tuple[Medication, ...]:
    """Read every medication of a document, in list order, equal entries merged.

    Args:
        structured: `structured_json` as stored: an object with `medications`, that list itself, a
            JSON text of either, or None. A `medications` that is no list counts as one entry.
        document_id: the document's id, kept on every medication.

    Returns:
        One `Medication` per entry, bad ones included and flagged; empty when there are none.

    Raises:
        MedicationsUnreadableError: the whole is not JSON, nested too deep to parse, neither object
            nor list, or longer than `MAX_ENTRIES`.
    """
    entries = _entries(_parse(structured) if isinstance(structured, str) else structured)
    if len(entries) > MAX_ENTRIES:
        raise MedicationsUnreadableError("medications_too_many")
    return merge_duplicates(
        read_entry(entry, position=position, document_id=document_id)
        for position, entry in enumerate(entries)
    )


def _entries(structured: object) -> list[object]:
    if structured is None:
        return []
    if isinstance(structured, list):
        return cast("list[object]", structured)
    if not isinstance(structured, dict):
        raise MedicationsUnreadableError("medications_not_an_object")
    medications = cast("dict[object, object]", structured).get("medications")
    if medications is None:
        return []
    return cast("list[object]", medications) if isinstance(medications, list) else [medications]


def _parse(text: str) -> object:
    if not text.strip():
        return None
    try:
        return json.loads(text, parse_int=_integer)
    except RecursionError:
        raise MedicationsUnreadableError("medications_too_deep") from None
    except ValueError:  # without its text: the message of a JSON error quotes the document
        raise MedicationsUnreadableError("medications_not_json") from None


def _integer(digits: str) -> int | float:
    """Python refuses integers of over 4,300 digits; one of them must not cost the whole list."""
    return int(digits) if len(digits) <= _LONGEST_INTEGER else float(digits)
