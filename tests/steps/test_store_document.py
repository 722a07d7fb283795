"""An upload reaches core with its medications; what cannot is parked or waited for, alone."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest

from shared.errors import PermanentError, TransientError
from shared.events import Ref
from tests.memory import faults
from tests.memory.clients import MemoryClients
from tests.memory.core_ledger import LedgerRow
from tests.steps.conftest import Send

MEDICINE = {"name": "Paracetamol", "strength": "500 mg", "frequency": "1-0-1", "duration_days": 5}
STRUCTURED = {"medications": [MEDICINE]}


def key(number: int) -> str:
    return str(UUID(int=number))


def upload(to: MemoryClients, number: int = 1, **columns: Any) -> Ref:
    given = {"id": key(number), "patient_id": "u1", "type": "PRESCRIPTION", "text": "OCR text"}
    to.memory_supabase.upload(given | {"structured_json": STRUCTURED} | columns)
    return Ref("document", key(number), to.memory_supabase.outbox.version("document", key(number)))


def patient(to: MemoryClients, uid: str) -> None:
    to.memory_core.put_user(f"id-{uid}", firebase_uid=uid)
    to.memory_core.put_patient(f"id-{uid}", f"patient-{uid}")


def standing(to: MemoryClients, number: int = 1) -> LedgerRow:
    return to.memory_core.ledger_rows["document", key(number), "store_document"]


def medicines(to: MemoryClients) -> list[str]:
    return sorted(row["name"] for row in to.memory_core.medication_rows.values())


@pytest.fixture(autouse=True)
def _patient(to: MemoryClients) -> None:
    patient(to, "u1")


def test_an_upload_is_stored_under_its_id_for_its_patient(to: MemoryClients, send: Send) -> None:
    ref = upload(to)
    send("document-changed", ref)
    row = to.memory_core.document_rows[key(1)]
    assert (row["patient_id"], row["type"]) == ("patient-u1", "PRESCRIPTION")
    assert row["text"] == "OCR text"
    assert medicines(to) == ["Paracetamol"]
    assert (standing(to).state, standing(to).source_version) == ("done", ref.version)


def test_a_prescriptions_mirror_is_no_upload_whoever_announces_it(
    to: MemoryClients, send: Send
) -> None:
    to.memory_core.put_prescription("rx1", "id-u1", summary=STRUCTURED)
    send("prescription-changed", Ref("prescription", "rx1"))
    (mirror,) = to.memory_supabase.document_rows
    send("document-changed", Ref("document", mirror))
    assert (to.memory_core.document_rows, medicines(to)) == ({}, [])
    assert to.memory_core.ledger_rows["document", mirror, "store_document"].state == "gone"


def test_a_file_is_kept_for_another_document_that_names_it_in_another_way(
    to: MemoryClients, send: Send
) -> None:
    path = "documents/u1/a b.jpg"
    signed = "https://x.supabase.co/storage/v1/object/sign/documents/u1/a%20b.jpg?token="
    to.files.files[path] = b"made up"
    for number, file_url in ((1, f"{signed}1"), (2, f"{signed}2"), (3, path)):
        send("document-changed", upload(to, number, file_url=file_url))
    for number in (1, 3):
        to.memory_supabase.delete_document(key(number))
        send("document-changed", Ref("document", key(number)))
        assert path in to.files.files
    to.memory_supabase.delete_document(key(2))
    send("document-changed", Ref("document", key(2)))
    assert to.files.files == {}


@pytest.mark.parametrize("culprit", [{"type": None}, {"raises": True}])
def test_of_a_hundred_documents_with_one_impossible_one_the_others_arrive(
    to: MemoryClients, send: Send, culprit: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once refused by our own reading, once by the store for a reason nobody foresaw."""
    refs = [upload(to, number) for number in range(100)]
    if "raises" in culprit:
        whole = to.core_documents.store

        def store(batch: Any, documents: Any) -> Any:
            ready = list(documents)
            if any(stored.document.id == key(41) for stored in ready):
                raise PermanentError("core_22001")
            return whole(batch, ready)

        monkeypatch.setattr(to.core_documents, "store", store)
    else:
        refs[41] = upload(to, 41, **culprit)
    send("document-changed", *refs)
    assert set(to.memory_core.document_rows) == {key(n) for n in range(100)} - {key(41)}
    assert standing(to, 41).state == "parked"
    assert standing(to, 41).error_code in {"document_type_missing", "core_22001"}
    assert to.bus.refusals == []


def test_a_key_that_is_no_document_id_is_parked_alone(to: MemoryClients, send: Send) -> None:
    send("document-changed", upload(to), Ref("document", "not-a-uuid", 3))
    assert list(to.memory_core.document_rows) == [key(1)]
    row = to.memory_core.ledger_rows["document", "not-a-uuid", "store_document"]
    assert (row.state, row.error_code) == ("parked", "supabase_22p02")


def test_a_document_of_an_unknown_patient_is_refused_until_the_patient_is_there(
    to: MemoryClients, send: Send
) -> None:
    ref = upload(to, patient_id="u2")
    faults.at(
        to.memory_core, "core_documents.store", lambda: patient(to, "u2"), moment="after", times=1
    )
    send("document-changed", ref)
    assert to.bus.refusals == [("store_document", "patient_not_in_core")]
    assert to.memory_core.document_rows[key(1)]["patient_id"] == "patient-u2"
    assert (standing(to).state, standing(to).attempts) == ("done", 0)


def test_of_a_mixed_batch_only_the_waiting_part_is_published_again(
    to: MemoryClients, send: Send
) -> None:
    refs = [upload(to, 1), upload(to, 2, patient_id="u2"), upload(to, 3)]
    send("document-changed", *refs)
    assert set(to.memory_core.document_rows) == {key(1), key(3)}
    first, again = to.bus.of("document-changed")
    assert again.refs == (refs[1],)
    assert again.traceparent == first.traceparent
    assert set(to.bus.refusals) == {("store_document", "patient_not_in_core")}


def test_a_document_whose_patient_never_comes_is_parked_with_the_last_reason(
    to: MemoryClients, send: Send
) -> None:
    ref = upload(to, patient_id="u2")
    send("document-changed", ref)
    assert len(to.bus.refusals) == 20
    row = standing(to)
    assert (row.state, row.error_code) == ("parked", "patient_not_in_core")
    patient(to, "u2")
    send("document-changed", ref)
    assert standing(to).state == "done"


def test_the_same_event_five_times_has_one_effect(to: MemoryClients, send: Send) -> None:
    ref = upload(to)
    send("document-changed", ref)
    before = dict(to.memory_core.medication_rows)
    for _ in range(4):
        send("document-changed", ref)
    assert to.memory_core.medication_rows == before
    assert len(to.memory_core.document_rows) == 1


def test_a_late_event_of_an_older_version_stores_the_newest(to: MemoryClients, send: Send) -> None:
    older = upload(to)
    newer = upload(to, structured_json={"medications": [MEDICINE | {"name": "Cetirizine"}]})
    send("document-changed", newer)
    send("document-changed", older)
    assert medicines(to) == ["Cetirizine"]
    assert standing(to).source_version == newer.version


def test_a_document_that_changed_after_it_was_read_is_not_put_back(
    to: MemoryClients, send: Send
) -> None:
    ref = upload(to)

    def overtake() -> None:
        newer = upload(to, structured_json={"medications": [MEDICINE | {"name": "Cetirizine"}]})
        send("document-changed", newer)

    faults.at(to.memory_supabase, "supabase_documents.read", overtake, moment="after")
    send("document-changed", ref)
    assert medicines(to) == ["Cetirizine"]


def test_a_deleted_upload_is_removed_and_an_absent_one_is_left_alone(
    to: MemoryClients, send: Send
) -> None:
    refs = [upload(to, 1), upload(to, 2)]
    send("document-changed", *refs)
    to.memory_supabase.delete_document(key(1))
    to.memory_supabase.drop_document(key(2))  # lost without a word of its source
    send("document-changed", *refs)
    assert set(to.memory_core.document_rows) == {key(2)}
    assert (standing(to, 1).state, standing(to, 1).error_code) == ("gone", "source_deleted")
    assert (standing(to, 2).state, standing(to, 2).error_code) == ("gone", "source_gone")


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_core_that_times_out_is_tried_again_with_one_effect(
    to: MemoryClients, send: Send, moment: str
) -> None:
    error = TransientError("core_57014")
    faults.fail(to.memory_core, "core_documents.store", error, moment=moment)
    send("document-changed", upload(to))
    assert to.bus.refusals == [("store_document", "core_57014")]
    assert medicines(to) == ["Paracetamol"]


def test_no_content_travels_in_messages(to: MemoryClients, send: Send) -> None:
    send("document-changed", upload(to), upload(to, 2, patient_id="u2"), upload(to, 3, type=None))
    assert len(to.bus.messages) > 2
    for _, data, attributes in to.bus.messages:
        (refs,) = json.loads(data).values()
        assert all(ref.keys() == {"kind", "key", "version"} for ref in refs)
        assert {name for name in attributes if not name.startswith("CloudPubSub")} == {
            "traceparent"
        }
