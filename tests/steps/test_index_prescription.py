"""A mirrored prescription becomes searchable; unchanged text costs no embedding."""

from __future__ import annotations

from typing import Any

import pytest

from shared import settings
from shared.errors import PermanentError, TransientError
from shared.events import Ref
from shared.ids import prescription_document_id
from tests.memory import faults
from tests.memory.clients import MemoryClients
from tests.memory.core_ledger import LedgerRow
from tests.steps.conftest import Send

LONG = "The patient is to rest and drink plenty of water. " * 60


@pytest.fixture(autouse=True)
def _patient(to: MemoryClients) -> None:
    to.memory_core.put_user("id1", firebase_uid="u1")
    to.memory_core.put_patient("id1", "p1")


def prescribe(to: MemoryClients, key: str = "rx1", **summary: Any) -> Ref:
    to.memory_core.put_prescription(key, "id1", summary=summary)
    return Ref("prescription", key, to.memory_core.outbox.version("prescription", key))


def document_id(key: str = "rx1") -> str:
    return prescription_document_id(settings.id_namespace(), key)


def texts(to: MemoryClients, key: str = "rx1") -> list[str]:
    rows = sorted(to.memory_supabase.chunk_rows.items())
    return [row["text"] for at, row in rows if at[0] == document_id(key)]


def standing(to: MemoryClients, key: str = "rx1") -> LedgerRow:
    return to.memory_core.ledger_rows["prescription", key, "index_prescription"]


def test_a_prescription_is_found_by_its_text_doctor_and_date(to: MemoryClients, send: Send) -> None:
    ref = prescribe(to, diagnosis="Viral fever")
    send("prescription-changed", ref)
    (chunk,) = to.memory_supabase.chunk_rows.values()
    assert "Viral fever" in chunk["text"]
    assert chunk["patient_id"] == "u1"
    assert chunk["metadata"] == {
        "source": "prescription",
        "type": "prescription",
        "doctor": "Asha Rao",
        "date": "2026-05-01",
        "appointment_id": "appointment-rx1",
    }
    assert (standing(to).state, standing(to).source_version) == ("done", ref.version)


def test_the_same_event_five_times_embeds_once(to: MemoryClients, send: Send) -> None:
    ref = prescribe(to, diagnosis="Viral fever")
    for _ in range(5):
        send("prescription-changed", ref)
    assert len(to.memory_embedder.embedded) == 1


def test_only_the_chunks_that_changed_are_embedded_again(to: MemoryClients, send: Send) -> None:
    send("prescription-changed", prescribe(to, notes=LONG, lab_tests=["CBC"]))
    before, embedded = texts(to), len(to.memory_embedder.embedded)
    assert len(before) > 2
    send("prescription-changed", prescribe(to, notes=LONG, lab_tests=["CBC", "ESR"]))
    assert texts(to)[:-1] == before[:-1]
    assert len(to.memory_embedder.embedded) == embedded + 1


def test_a_shorter_prescription_loses_its_last_chunks(to: MemoryClients, send: Send) -> None:
    send("prescription-changed", prescribe(to, notes=LONG))
    send("prescription-changed", prescribe(to, notes="Rest"))
    assert len(texts(to)) == 1


def test_a_batch_is_embedded_in_one_call(to: MemoryClients, send: Send) -> None:
    refs = [prescribe(to, f"rx{number}", notes=f"Note {number}") for number in range(20)]
    calls: list[str] = []
    to.memory_embedder.hook = lambda moment, _: calls.append(moment)
    send("prescription-changed", *refs)
    assert calls == ["before", "after"]
    assert all(texts(to, f"rx{number}") for number in range(20))


def test_a_mirror_that_changes_while_it_is_embedded_is_read_again(
    to: MemoryClients, send: Send
) -> None:
    ref = prescribe(to, diagnosis="Viral fever")

    def change() -> None:
        row = to.memory_supabase.document_rows[document_id()]
        to.memory_supabase.write_document(row | {"text": "Influenza", "source_version": 99})

    faults.at(to.memory_embedder, "embedder.embed", change, moment="after")
    send("prescription-changed", ref)
    assert texts(to) == ["Influenza"]
    assert standing(to).state == "done"


def test_a_mirror_that_is_not_there_yet_is_waited_for(to: MemoryClients, send: Send) -> None:
    ref = prescribe(to, diagnosis="Viral fever")
    send("prescription-mirrored", ref)
    assert set(to.bus.refusals) == {("index_prescription", "mirror_missing")}
    assert (standing(to).state, standing(to).error_code) == ("parked", "mirror_missing")
    send("prescription-changed", ref)
    assert standing(to).state == "done"


def test_a_prescription_that_is_gone_is_not_indexed(to: MemoryClients, send: Send) -> None:
    send("prescription-mirrored", Ref("prescription", "rx-gone", 3))
    assert standing(to, "rx-gone").state == "gone"


def test_a_rate_limit_is_passed_on_with_its_time_and_nothing_is_half_done(
    to: MemoryClients, send: Send
) -> None:
    refs = [prescribe(to, f"rx{number}", notes=f"Note {number}") for number in range(5)]
    error = TransientError("embeddings_rate_limit", retry_after=7)
    faults.fail(to.memory_embedder, "embedder.embed", error, times=2)
    send("prescription-changed", *refs)
    assert to.bus.refusals == [("index_prescription", "embeddings_rate_limit")] * 2
    assert all(standing(to, f"rx{number}").state == "done" for number in range(5))


def test_one_text_that_the_provider_refuses_is_parked_alone(
    to: MemoryClients, send: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    embed = to.memory_embedder.embed

    def picky(given: list[str]) -> list[list[float]]:
        if any("refuse me" in text for text in given):
            raise PermanentError("embeddings_refused_input")
        return embed(given)

    monkeypatch.setattr(to.memory_embedder, "embed", picky)
    refs = [prescribe(to, f"rx{number}", notes=f"Note {number}") for number in range(9)]
    send("prescription-changed", *refs, prescribe(to, "rx9", notes="refuse me"))
    assert (standing(to, "rx9").state, standing(to, "rx9").error_code) == (
        "parked",
        "embeddings_refused_input",
    )
    assert all(texts(to, f"rx{number}") for number in range(9))
    assert texts(to, "rx9") == []


def test_a_prescription_whose_patient_has_no_sign_in_any_more_is_not_waited_for(
    to: MemoryClients, send: Send
) -> None:
    ref = prescribe(to, diagnosis="Viral fever")
    to.memory_core.put_user("id1", firebase_uid=None)
    send("prescription-mirrored", ref)
    assert (standing(to).state, standing(to).error_code) == ("gone", "patient_without_sign_in")
