"""A Supabase document in the form in which core stores it. Pure."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from shared import ids
from shared.errors import PermanentError
from shared.medications import Medication, read_medications
from shared.models.documents import Document, StoredDocument
from shared.papers.document_types import TYPES

if TYPE_CHECKING:
    from uuid import UUID


def store_form(document: Document, namespace: UUID) -> StoredDocument:
    """
    Return the document with core's type, its structured data as an object, and its medications
    under deterministic ids.

    Raise PermanentError: document_type_missing, document_type_unknown, patient_id_is_contact,
    structured_json_unreadable, or a code of the medication reader.
    """
    if not document.type:
        raise PermanentError("document_type_missing")
    core_type = TYPES.get(document.type.strip().lower())
    if core_type is None:
        raise PermanentError("document_type_unknown")
    if "@" in document.patient_uid or document.patient_uid.startswith("+"):
        raise PermanentError(
            "patient_id_is_contact"
        )  # the owner is a Firebase uid, never a contact
    structured = structured_object(document.structured)
    read = read_medications(structured, document_id=document.id)
    return StoredDocument(
        replace(document, structured=structured),
        core_type,
        tuple(identified(document.id, read, namespace)),
        "medication_without_name" if any(m.name is None for m in read) else None,
    )


def structured_object(structured: object) -> Any:
    """
    Return structured_json as an object: some writers store the JSON text of it.

    Raise PermanentError for text that is no JSON, or whose escapes spell what no database holds
    (NUL, half a surrogate pair).
    """
    if not isinstance(structured, str):
        return structured
    if not structured.strip():
        return None
    try:
        value = json.loads(structured)
        if "\\u" in structured:
            _check_text(value)
    except (ValueError, RecursionError):
        raise PermanentError("structured_json_unreadable") from None
    return value


def _check_text(value: object) -> None:
    """Raise ValueError for NUL and for half a surrogate pair, anywhere in a value."""
    text = json.dumps(value, ensure_ascii=False)
    text.encode()
    if "\\u0000" in text:
        raise ValueError


def identified(
    document_id: str, read: tuple[Medication, ...], namespace: UUID
) -> list[tuple[str, Medication]]:
    """Give each named medication its id; equal medicines of one document are numbered."""
    seen: Counter[str] = Counter()
    rows: list[tuple[str, Medication]] = []
    for medication in read:
        if medication.name is None:
            continue
        identity = medication.identity
        rows.append(
            (ids.medication_id(namespace, document_id, identity, seen[identity]), medication)
        )
        seen[identity] += 1
    return rows
