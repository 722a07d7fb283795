"""Core documents with their medications, in memory and in PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest

from shared.events import Ref
from shared.models.documents import Document, StoredDocument
from shared.outcomes import Outcome
from shared.papers import document_reading
from tests.conftest import NAMESPACE
from tests.contract.memory_core_world import batch
from tests.contract.postgres_core_world import CoreWorld

STEP = "store_document"
D1, D2 = "0b0e7a52-0000-4000-8000-000000000001", "0b0e7a52-0000-4000-8000-000000000002"


def medicine(name: str, frequency: str = "1-0-1") -> dict[str, Any]:
    return {
        "name": name,
        "strength": "500 mg",
        "frequency": frequency,
        "duration_days": 5,
        "confidence": 0.95,
    }


def document(
    version: int, *medicines: dict[str, Any], key: str = D1, uid: str = "u1", text: str = "OCR"
) -> StoredDocument:
    source = Document(
        id=key,
        patient_uid=uid,
        type="prescription",
        file_url="documents/a.pdf",
        text=text,
        structured={"medications": list(medicines)},
        confidence=0.9,
        created_at="2026-05-01T15:30:00+05:30",
        version=version,
    )
    return document_reading.store_form(source, UUID(NAMESPACE))


def store(at_core: CoreWorld, *documents: StoredDocument) -> list[Outcome]:
    refs = [Ref("document", d.document.id, d.document.version) for d in documents]
    return at_core.documents.store(batch(STEP, *refs), documents)


def names(at_core: CoreWorld, key: str = D1) -> Sequence[str]:
    return sorted(at_core.medications(key))


@pytest.fixture(autouse=True)
def _patient(at_core: CoreWorld) -> None:
    at_core.put_user("id1", firebase_uid="u1")
    at_core.put_patient("id1", "p1")


def test_a_document_is_stored_with_its_medications(at_core: CoreWorld) -> None:
    outcomes = store(at_core, document(4, medicine("Paracetamol"), medicine("Cetirizine")))
    assert outcomes == [Outcome(Ref("document", D1, 4), "done")]
    assert at_core.document(D1) == {
        "id": D1,
        "patient_id": "p1",
        "type": "PRESCRIPTION",
        "file_url": "documents/a.pdf",
        "text": "OCR",
        "structured_json": {"medications": [medicine("Paracetamol"), medicine("Cetirizine")]},
        "ocr_confidence": 0.9,
        "created_at": "2026-05-01T10:00:00",
    }
    row = at_core.medications(D1)["Paracetamol"]
    given = {key: row[key] for key in ("patient_id", "strength", "form", "frequency", "route")}
    assert given == {
        "patient_id": "p1",
        "strength": "500 mg",
        "form": "tablet",
        "frequency": "1-0-1",
        "route": "oral",
    }
    assert (row["duration_days"], row["reminders_enabled"]) == (5, False)
    assert at_core.readings(D1) == {m["id"]: False for m in at_core.medications(D1).values()}
    assert at_core.standing("document", D1, STEP) == ("done", 4, 4, 0, None)


def test_the_same_document_twice_keeps_its_rows_their_start_and_their_reminders(
    at_core: CoreWorld,
) -> None:
    store(at_core, document(4, medicine("Paracetamol")))
    at_core.remind(at_core.medications(D1)["Paracetamol"]["id"])
    before = at_core.medications(D1)
    store(at_core, document(4, medicine("Paracetamol")))
    store(at_core, document(5, medicine("Paracetamol"), medicine("Cetirizine")))
    assert at_core.medications(D1)["Paracetamol"] == before["Paracetamol"]
    assert before["Paracetamol"]["reminders_enabled"] is True


def test_a_shorter_document_loses_its_tail(at_core: CoreWorld) -> None:
    store(at_core, document(1, *[medicine(name) for name in ("A1x", "B2x", "C3x")]))
    store(at_core, document(2, medicine("B2x")))
    assert names(at_core) == ["B2x"]
    assert len(at_core.readings(D1)) == 1


def test_an_older_document_after_a_newer_one_is_done_and_changes_nothing(
    at_core: CoreWorld,
) -> None:
    store(at_core, document(9, medicine("Newer")))
    outcomes = store(at_core, document(3, medicine("Older"), medicine("Oldest"), text="old"))
    assert outcomes == [Outcome(Ref("document", D1, 3), "done")]
    assert names(at_core) == ["Newer"]
    assert at_core.standing("document", D1, STEP) == ("done", 9, 9, 0, None)


def test_a_changed_frequency_switches_reminders_off(at_core: CoreWorld) -> None:
    store(at_core, document(1, medicine("Paracetamol", "1-0-1")))
    at_core.remind(at_core.medications(D1)["Paracetamol"]["id"])
    store(at_core, document(2, medicine("Paracetamol", "1-1-1")))
    row = at_core.medications(D1)["Paracetamol"]
    assert (row["frequency"], row["reminders_enabled"]) == ("1-1-1", False)


def test_a_reading_in_doubt_switches_reminders_off_and_is_flagged(at_core: CoreWorld) -> None:
    store(at_core, document(1, medicine("Paracetamol")))
    at_core.remind(at_core.medications(D1)["Paracetamol"]["id"])
    store(at_core, document(2, medicine("Paracetamol") | {"confidence": 0.4}))
    row = at_core.medications(D1)["Paracetamol"]
    assert row["reminders_enabled"] is False
    assert at_core.readings(D1) == {row["id"]: True}


def test_a_medication_without_a_name_is_left_out_and_said_so(at_core: CoreWorld) -> None:
    nameless = {"strength": "5 mg", "raw": "??? 5 mg"}
    assert store(at_core, document(1, medicine("Paracetamol"), nameless)) == [
        Outcome(Ref("document", D1, 1), "done", "medication_without_name")
    ]
    assert names(at_core) == ["Paracetamol"]
    standing = at_core.standing("document", D1, STEP)
    assert standing == ("done", 1, 1, 0, "medication_without_name")


def test_a_document_of_an_unknown_patient_waits_and_the_others_are_stored(
    at_core: CoreWorld,
) -> None:
    at_core.put_user("id2", firebase_uid="u2")  # a user, but no patient row yet
    waiting = document(2, medicine("Waiting"), key=D2, uid="u2")
    assert store(at_core, waiting, document(1, medicine("Paracetamol"))) == [
        Outcome(Ref("document", D2, 2), "retrying", "patient_not_in_core"),
        Outcome(Ref("document", D1, 1), "done"),
    ]
    assert at_core.document(D2) is None
    assert at_core.medications(D2) == {}
    assert at_core.standing("document", D2, STEP) == ("retrying", 0, 2, 1, "patient_not_in_core")
    at_core.put_patient("id2", "p2")
    assert store(at_core, waiting) == [Outcome(Ref("document", D2, 2), "done")]
    assert names(at_core, D2) == ["Waiting"]


def test_a_document_given_to_another_patient_takes_its_medications_along(
    at_core: CoreWorld,
) -> None:
    at_core.put_user("id2", firebase_uid="u2")
    at_core.put_patient("id2", "p2")
    store(at_core, document(1, medicine("Paracetamol")))
    store(at_core, document(2, medicine("Paracetamol"), uid="u2"))
    stored = at_core.document(D1)
    assert stored is not None
    assert stored["patient_id"] == "p2"
    assert at_core.medications(D1)["Paracetamol"]["patient_id"] == "p2"


def test_a_removed_document_leaves_nothing_behind(at_core: CoreWorld) -> None:
    store(at_core, document(1, medicine("Paracetamol")))
    removed = at_core.documents.remove(batch(STEP), [Ref("document", D1, 6)])
    assert removed == [Outcome(Ref("document", D1, 6), "gone", "source_deleted")]
    assert at_core.document(D1) is None
    assert at_core.medications(D1) == {}
    assert at_core.readings(D1) == {}
    assert at_core.standing("document", D1, STEP) == ("gone", 6, 6, 0, "source_deleted")


def test_a_document_read_before_its_deletion_does_not_come_back(at_core: CoreWorld) -> None:
    at_core.documents.remove(batch(STEP), [Ref("document", D1, 6)])
    store(at_core, document(5, medicine("Paracetamol")))
    assert at_core.document(D1) is None


def test_a_document_uploaded_again_after_its_deletion_stays(at_core: CoreWorld) -> None:
    store(at_core, document(8, medicine("Paracetamol")))
    at_core.documents.remove(batch(STEP), [Ref("document", D1, 6)])
    assert names(at_core) == ["Paracetamol"]


def test_a_read_older_than_what_was_parked_changes_nothing(at_core: CoreWorld) -> None:
    store(at_core, document(1, medicine("Paracetamol")))
    newer = Ref("document", D1, 3)
    at_core.ledger.record(batch(STEP), [Outcome(newer, "parked", "document_type_unknown")])

    assert store(at_core, document(2, medicine("Ibuprofen"))) == [
        Outcome(Ref("document", D1, 2), "done")
    ]
    at_core.documents.remove(batch(STEP), [Ref("document", D1, 2)])

    assert names(at_core) == ["Paracetamol"]
    assert at_core.standing("document", D1, STEP) == ("parked", 1, 3, 1, "document_type_unknown")
    store(at_core, document(3, medicine("Aspirin")))
    assert names(at_core) == ["Aspirin"]
    assert at_core.standing("document", D1, STEP) == ("done", 3, 3, 0, None)
