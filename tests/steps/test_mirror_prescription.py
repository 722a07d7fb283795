"""A core prescription is mirrored as a Supabase document, and does not come back as an upload."""

from __future__ import annotations

from typing import Any

import pytest

from shared import settings
from shared.errors import TransientError
from shared.events import Ref
from shared.ids import prescription_document_id
from tests.memory import faults
from tests.memory.clients import MemoryClients
from tests.memory.core_ledger import LedgerRow
from tests.steps.conftest import Send

SUMMARY = {
    "diagnosis": "Viral fever",
    "notes": None,
    "medications": [{"name": "Paracetamol", "strength": "500 mg", "duration_days": 5}],
    "lab_tests": ["CBC"],
    "follow_up_days": 7,
}
TEXT = (
    "Prescription of 2026-05-01\n"
    "Doctor: Asha Rao\n"
    "Diagnosis: Viral fever\n"
    "Medications:\n"
    "Paracetamol | 500 mg | 5 days\n"
    "Lab tests: CBC\n"
    "Follow-up in 7 days"
)


@pytest.fixture(autouse=True)
def _patient(to: MemoryClients) -> None:
    to.memory_core.put_user("id1", firebase_uid="u1")
    to.memory_core.put_patient("id1", "p1")


def prescribe(to: MemoryClients, key: str = "rx1", user: str = "id1", **columns: Any) -> Ref:
    to.memory_core.put_prescription(key, user, **({"summary": SUMMARY} | columns))
    return ref(to, key)


def ref(to: MemoryClients, key: str = "rx1") -> Ref:
    return Ref("prescription", key, to.memory_core.outbox.version("prescription", key))


def mirror(to: MemoryClients, key: str = "rx1") -> dict[str, Any] | None:
    document_id = prescription_document_id(settings.id_namespace(), key)
    return to.memory_supabase.document_rows.get(document_id)


def standing(to: MemoryClients, key: str = "rx1") -> LedgerRow:
    return to.memory_core.ledger_rows["prescription", key, "mirror_prescription"]


def test_a_prescription_is_mirrored_for_its_patient(to: MemoryClients, send: Send) -> None:
    send("prescription-changed", prescribe(to))
    row = mirror(to)
    assert row is not None
    assert (row["patient_id"], row["type"], row["origin"]) == ("u1", "prescription", "core")
    assert (row["text"], row["structured_json"]) == (TEXT, SUMMARY)
    assert (row["file_url"], row["source_version"]) == (None, ref(to).version)
    assert len(to.bus.of("prescription-mirrored")) == 1


def test_a_mirror_is_no_upload(to: MemoryClients, send: Send) -> None:
    send("prescription-changed", prescribe(to))
    assert to.memory_supabase.outbox.unsent() == {}
    assert to.bus.of("document-changed") == []


def test_the_same_event_five_times_has_one_effect_and_five_successors(
    to: MemoryClients, send: Send
) -> None:
    send("prescription-changed", prescribe(to))
    before = dict(mirror(to) or {})
    for _ in range(4):
        send("prescription-changed", ref(to))
    assert mirror(to) == before
    assert len(to.bus.of("prescription-mirrored")) == 5


def test_a_late_event_of_an_older_version_mirrors_the_newest(to: MemoryClients, send: Send) -> None:
    older = prescribe(to)
    send("prescription-changed", prescribe(to, summary={"diagnosis": "Influenza"}))
    send("prescription-changed", older)
    row = mirror(to)
    assert row is not None
    assert row["structured_json"] == {"diagnosis": "Influenza"}


def test_a_prescription_that_changes_while_it_is_mirrored_is_mirrored_again(
    to: MemoryClients, send: Send
) -> None:
    given = prescribe(to)
    faults.at(
        to.memory_supabase,
        "supabase_documents.mirror",
        lambda: prescribe(to, summary={"diagnosis": "Influenza"}) and None,
        moment="before",
    )
    send("prescription-changed", given)
    row = mirror(to)
    assert row is not None
    assert row["structured_json"] == {"diagnosis": "Influenza"}
    assert standing(to).source_version == ref(to).version


def test_a_deleted_prescription_loses_its_mirror_and_its_chunks(
    to: MemoryClients, send: Send
) -> None:
    send("prescription-changed", prescribe(to))
    assert to.memory_supabase.chunk_rows != {}
    to.memory_core.delete_prescription("rx1")
    send("prescription-changed", ref(to))
    assert mirror(to) is None
    assert to.memory_supabase.chunk_rows == {}
    assert standing(to).state == "gone"


def test_a_late_event_after_the_deletion_removes_the_mirror_too(
    to: MemoryClients, send: Send
) -> None:
    written = prescribe(to)
    send("prescription-changed", written)
    to.memory_core.delete_prescription("rx1")
    send("prescription-changed", written)
    assert mirror(to) is None


def test_a_prescription_deleted_while_it_is_mirrored_leaves_no_mirror(
    to: MemoryClients, send: Send
) -> None:
    given = prescribe(to)
    faults.at(
        to.memory_core,
        "core_prescriptions.read",
        lambda: to.memory_core.delete_prescription("rx1"),
        moment="after",
    )
    send("prescription-changed", given)
    assert mirror(to) is None
    assert standing(to).state == "gone"


def test_a_patient_without_sign_in_has_nothing_to_show_it_to(to: MemoryClients, send: Send) -> None:
    to.memory_core.put_user("id2")
    to.memory_core.put_patient("id2", "p2")
    send("prescription-changed", prescribe(to, "rx2", "id2"))
    assert mirror(to, "rx2") is None
    assert (standing(to, "rx2").state, standing(to, "rx2").error_code) == (
        "gone",
        "patient_without_sign_in",
    )
    assert to.bus.of("prescription-mirrored") == []


def test_a_mirror_goes_when_its_patient_has_no_sign_in_any_more(
    to: MemoryClients, send: Send
) -> None:
    send("prescription-changed", prescribe(to))
    to.memory_core.put_user("id1", firebase_uid=None)
    send("prescription-changed", ref(to))
    assert (mirror(to), to.memory_supabase.chunk_rows) == (None, {})
    to.memory_core.put_user("id1", firebase_uid="u1")
    send("prescription-changed", ref(to))
    assert (mirror(to) or {})["patient_id"] == "u1"


def test_a_mirror_goes_from_the_patient_whose_visit_was_another_persons(
    to: MemoryClients, send: Send
) -> None:
    to.memory_core.put_user("id2")
    to.memory_core.put_patient("id2", "p2")
    send("prescription-changed", prescribe(to))
    send("prescription-changed", prescribe(to, user="id2"))
    assert mirror(to) is None


def test_a_hundred_prescriptions_take_one_round_trip_per_store(
    to: MemoryClients, send: Send
) -> None:
    refs = [prescribe(to, f"rx{number}") for number in range(100)]
    effects: list[str] = []
    for place in to.places[:2]:
        place.hook = lambda moment, name: effects.append(name) if moment == "before" else None
    send("prescription-pdf-copied", *refs)
    assert effects[:4] == [
        "core_tombstones.buried",
        "core_prescriptions.read",
        "supabase_documents.mirror",
        "ledger.record_and_recheck",
    ]
    assert effects.count("supabase_documents.mirror") == 1


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_supabase_that_times_out_is_tried_again_with_one_effect(
    to: MemoryClients, send: Send, moment: str
) -> None:
    error = TransientError("supabase_unreachable")
    faults.fail(to.memory_supabase, "supabase_documents.mirror", error, moment=moment)
    send("prescription-changed", prescribe(to))
    assert to.bus.refusals == [("mirror_prescription", "supabase_unreachable")]
    assert len(to.memory_supabase.document_rows) == 1
