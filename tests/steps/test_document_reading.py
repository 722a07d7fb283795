"""How an upload is read before it is stored: every spelling accepted, nothing invented."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.memory.clients import MemoryClients
from tests.steps.conftest import Send
from tests.steps.test_store_document import (
    MEDICINE,
    STRUCTURED,
    key,
    medicines,
    patient,
    standing,
    upload,
)


@pytest.fixture(autouse=True)
def _patient(to: MemoryClients) -> None:
    patient(to, "u1")


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("PRESCRIPTION", "PRESCRIPTION"),
        ("prescription", "PRESCRIPTION"),
        ("lab_report", "LAB"),
        (" Lab Report ", "LAB"),
        ("LAB", "LAB"),
        ("REPORT", "REPORT"),
    ],
)
def test_every_spelling_of_a_type_is_stored_as_cores(
    to: MemoryClients, send: Send, given: str, stored: str
) -> None:
    send("document-changed", upload(to, type=given))
    assert to.memory_core.document_rows[key(1)]["type"] == stored


def test_structured_json_that_is_the_text_of_json_is_read(to: MemoryClients, send: Send) -> None:
    send("document-changed", upload(to, structured_json=json.dumps(STRUCTURED)))
    assert medicines(to) == ["Paracetamol"]
    assert to.memory_core.document_rows[key(1)]["structured_json"] == STRUCTURED


def test_an_upload_without_medications_is_stored(to: MemoryClients, send: Send) -> None:
    send("document-changed", upload(to, structured_json=None, text=None))
    assert medicines(to) == []
    assert standing(to).state == "done"


def test_a_medication_without_a_name_is_not_invented_and_is_flagged(
    to: MemoryClients, send: Send
) -> None:
    send("document-changed", upload(to, structured_json=[MEDICINE, {"raw": "??? 5 mg"}]))
    assert medicines(to) == ["Paracetamol"]
    assert (standing(to).state, standing(to).error_code) == ("done", "medication_without_name")


@pytest.mark.parametrize(
    ("columns", "code"),
    [
        ({"type": None}, "document_type_missing"),
        ({"type": "selfie"}, "document_type_unknown"),
        ({"patient_id": "asha@example.com"}, "patient_id_is_contact"),
        ({"patient_id": "+919876543210"}, "patient_id_is_contact"),
        ({"structured_json": "{broken"}, "structured_json_unreadable"),
        ({"structured_json": 17}, "medications_not_an_object"),
        ({"structured_json": [MEDICINE] * 201}, "medications_too_many"),
    ],
)
def test_a_document_that_can_never_be_stored_is_parked_with_its_reason(
    to: MemoryClients, send: Send, columns: dict[str, Any], code: str
) -> None:
    ref = upload(to, **columns)
    send("document-changed", ref)
    row = standing(to)
    assert (row.state, row.error_code, row.seen_version) == ("parked", code, ref.version)
    assert to.bus.refusals == []
    assert to.memory_core.document_rows == {}
