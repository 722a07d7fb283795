"""Uploads become searchable once; what is unchanged, or indexed already, costs nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest

from shared.errors import PermanentError, TransientError
from shared.events import Event, Ref, new_traceparent
from shared.search.foreign_chunks import ForeignChunk
from tests.memory import faults
from tests.memory.clients import MemoryClients
from tests.memory.core_ledger import LedgerRow
from tests.steps.conftest import Send

TABLE = "Demoxil | 500 mg | 1-0-1\nTestamol | 250 mg | 0-0-1"
PROSE = "\n\n".join(f"Paragraph {n}. " + "words of no meaning " * 50 for n in range(4))
STEP = "index_document"


def key(number: int = 1) -> str:
    return str(UUID(int=number))


@pytest.fixture(autouse=True)
def _patient(to: MemoryClients) -> None:
    to.memory_core.put_user("id1", firebase_uid="u1")
    to.memory_core.put_patient("id1", "p1")


def upload(to: MemoryClients, number: int = 1, text: str | None = PROSE, **columns: Any) -> Ref:
    row = {"id": key(number), "patient_id": "u1", "type": "Lab_Report", "text": text}
    to.memory_supabase.upload(row | columns)
    return ref(to, number)


def ref(to: MemoryClients, number: int = 1) -> Ref:
    return Ref("document", key(number), to.memory_supabase.outbox.version("document", key(number)))


def chunks(to: MemoryClients, number: int = 1) -> list[dict[str, Any]]:
    rows = sorted(to.memory_supabase.chunk_rows.items())
    return [row for at, row in rows if at[0] == key(number)]


def texts(to: MemoryClients, number: int = 1) -> Sequence[str]:
    return [row["text"] for row in chunks(to, number)]


def standing(to: MemoryClients, number: int = 1) -> LedgerRow:
    return to.memory_core.ledger_rows["document", key(number), STEP]


def test_an_upload_is_indexed_with_owner_and_what_is_known_of_it(
    to: MemoryClients, send: Send
) -> None:
    send("document-changed", upload(to, structured_json={"doctor": " Asha Rao "}))
    assert "".join("".join(texts(to)).split()) == "".join(PROSE.split())
    assert {row["patient_id"] for row in chunks(to)} == {"u1"}
    assert chunks(to)[0]["metadata"] == {
        "source": "upload",
        "type": "lab",
        "date": "2026-05-01",
        "clinician": "Asha Rao",
    }


def test_what_is_not_known_of_an_upload_is_left_out(to: MemoryClients, send: Send) -> None:
    send("document-stored", upload(to, type=None, structured_json="not json"))
    assert chunks(to)[0]["metadata"] == {"source": "upload", "date": "2026-05-01"}


def test_a_medication_table_stays_whole(to: MemoryClients, send: Send) -> None:
    send("document-changed", upload(to, text=f"{PROSE}\n\n{TABLE}"))
    assert sum(TABLE in text for text in texts(to)) == 1


def test_delivered_five_times_it_is_embedded_once(to: MemoryClients, send: Send) -> None:
    event = upload(to)
    for _ in range(5):
        send("document-changed", event)
    assert len(to.memory_embedder.embedded) == len(chunks(to)) > 1
    assert standing(to).state == "done"


def test_only_the_changed_part_is_embedded_again_and_a_shorter_document_loses_its_tail(
    to: MemoryClients, send: Send
) -> None:
    send("document-changed", upload(to))
    before = texts(to)
    to.memory_embedder.embedded.clear()
    send("document-changed", upload(to, text=before[0]))
    assert texts(to) == before[:1]
    assert to.memory_embedder.embedded == []
    send("document-changed", upload(to, text="another reading"))
    assert texts(to) == to.memory_embedder.embedded == ["another reading"]


def test_an_older_event_after_a_newer_one_changes_nothing(to: MemoryClients, send: Send) -> None:
    old = upload(to, text="older")
    send("document-changed", upload(to, text="newer"))
    send("document-stored", old)
    assert texts(to) == ["newer"]


def test_a_document_that_changes_while_it_is_embedded_is_indexed_as_it_then_is(
    to: MemoryClients, send: Send
) -> None:
    event = upload(to, text="before")
    faults.at(to.memory_embedder, "embedder.embed", lambda: change(to), moment="after")
    send("document-stored", event)
    assert texts(to) == ["after"]


def change(to: MemoryClients) -> None:
    upload(to, text="after")


def test_a_document_deleted_meanwhile_is_gone(to: MemoryClients, send: Send) -> None:
    event = upload(to)
    to.memory_supabase.delete_document(key())
    send("document-stored", event)
    assert (standing(to).state, chunks(to)) == ("gone", [])


def index_elsewhere(to: MemoryClients, *pieces: str, model: str | None = None) -> None:
    to.memory_supabase.foreign_chunks[key()] = [ForeignChunk(piece, model) for piece in pieces]


def test_what_the_edge_function_has_fully_indexed_is_left_alone(
    to: MemoryClients, send: Send
) -> None:
    event = upload(to, text="one two three four")
    index_elsewhere(to, "three  four", "one two three")
    send("document-changed", event)
    assert (chunks(to), to.memory_embedder.embedded) == ([], [])
    assert standing(to).state == "done"


def test_what_the_edge_function_has_half_indexed_is_indexed_by_us_alone(
    to: MemoryClients, send: Send
) -> None:
    event = upload(to, text="one two three four")
    index_elsewhere(to, "one two")
    send("document-changed", event)
    assert texts(to) == ["one two three four"]
    assert to.memory_supabase.foreign_chunks == {}


def test_a_correction_replaces_the_edge_functions_chunks(to: MemoryClients, send: Send) -> None:
    upload(to, text="one two three four")
    index_elsewhere(to, "one two three four")
    send("document-changed", upload(to, text="one two three"))
    assert texts(to) == ["one two three"]
    assert to.memory_supabase.foreign_chunks == {}


def test_chunks_of_another_model_are_replaced(to: MemoryClients, send: Send) -> None:
    event = upload(to, text="one two")
    index_elsewhere(to, "one two", model="text-embedding-ada-002")
    send("document-changed", event)
    assert texts(to) == ["one two"]


def test_a_text_that_the_provider_refuses_parks_its_document_alone(
    to: MemoryClients, send: Send
) -> None:
    refs = [upload(to, number, text=f"text {number}") for number in range(1, 101)]
    refuse(to, "text 41")
    send("document-stored", *refs)
    states = [standing(to, number).state for number in range(1, 101)]
    assert [n for n, state in enumerate(states, 1) if state != "done"] == [41]
    assert (standing(to, 41).state, standing(to, 41).error_code) == (
        "parked",
        "embeddings_refused_input",
    )
    assert sum(len(chunks(to, number)) for number in range(1, 101)) == 99


def refuse(to: MemoryClients, poison: str) -> None:
    """Make the provider refuse every request that holds a text."""
    embed = to.memory_embedder.embed

    def refusing(wanted: list[str]) -> list[list[float]]:
        if poison in wanted:
            raise PermanentError("embeddings_refused_input")
        return embed(wanted)

    vars(to.memory_embedder)["embed"] = refusing


def test_asked_to_wait_it_stops_calling_keeps_what_is_complete_and_the_rest_waits(
    to: MemoryClients, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two texts fill a request here; the third request is refused."""
    monkeypatch.setattr("shared.search.embedding.fill_requests", by_twos)
    refs = tuple(upload(to, number, text=f"text {number}") for number in range(1, 11))
    calls: list[str] = []

    def limit(moment: str, name: str) -> None:
        if moment == "before":
            calls.append(name)
            if len(calls) == 3:
                raise TransientError("embeddings_rate_limit", retry_after=7)

    to.memory_embedder.hook = limit
    to.publish([Event("document-stored", refs, new_traceparent())])
    assert to.bus.deliver(to, to.bus.pending.pop(0))
    assert len(calls) == 3
    assert [number for number in range(1, 11) if chunks(to, number)] == [1, 2, 3, 4]
    assert [standing(to, n).error_code for n in (4, 5, 10)] == [
        None,
        *["embeddings_rate_limit"] * 2,
    ]
    to.run()
    assert all(chunks(to, number) for number in range(1, 11))
    assert sorted(to.memory_embedder.embedded) == sorted(f"text {n}" for n in range(1, 11))


def by_twos(sizes: Sequence[int]) -> list[list[int]]:
    return [[n for n in (start, start + 1) if n < len(sizes)] for start in range(0, len(sizes), 2)]


def test_a_deleted_upload_takes_medications_chunks_file_and_links(
    to: MemoryClients, send: Send
) -> None:
    path = f"documents/u1/{key()}.jpg"
    to.files.files = {path: b"page", "documents/u2/other.jpg": b"page"}
    medicine = {"name": "Demoxil", "strength": "5 mg", "confidence": 0.9}
    structured = {"medications": [medicine]}
    send("document-changed", upload(to, file_url=path, structured_json=structured))
    assert to.memory_core.medication_rows
    to.memory_supabase.delete_document(key())
    for _ in range(5):
        send("document-changed", ref(to))
    assert (to.memory_core.document_rows, to.memory_core.medication_rows) == ({}, {})
    assert chunks(to) == []
    assert set(to.files.files) == {"documents/u2/other.jpg"}
    assert to.memory_core.unlinked == {("document", key())}
    assert to.memory_supabase.removed_files == {}


def test_a_file_that_storage_will_not_delete_now_is_deleted_later(to: MemoryClients) -> None:
    path = f"documents/u1/{key()}.jpg"
    to.files.files = {path: b"page"}
    upload(to, file_url=path)
    to.memory_supabase.delete_document(key())
    to.files.error = TransientError("storage_unreachable")
    to.publish([Event("document-changed", (ref(to),), new_traceparent())])
    assert not to.bus.deliver(to, to.bus.pending.pop(0))
    assert to.memory_core.ledger_rows["document", key(), "store_document"].state == "retrying"
    to.files.error = None
    to.run()
    assert to.files.files == {}
    assert to.memory_core.ledger_rows["document", key(), "store_document"].state == "gone"


@pytest.mark.parametrize(
    "url",
    [
        "documents/u2/page.jpg",
        "other-bucket/u1/page.jpg",
        "documents/u1/../u2/page.jpg",
        "https://x.example.com/page.jpg",
        "documents/u1/",
    ],
)
def test_a_file_that_is_not_the_patients_own_is_left(
    to: MemoryClients, send: Send, url: str
) -> None:
    to.files.files = {"documents/u2/page.jpg": b"", "other-bucket/u1/page.jpg": b"", url: b""}
    kept = dict(to.files.files)
    upload(to, file_url=url)
    to.memory_supabase.delete_document(key())
    send("document-changed", ref(to))
    assert to.files.files == kept


@pytest.mark.parametrize("access", ["public", "sign", "authenticated"])
def test_a_file_named_by_a_storage_url_is_found(to: MemoryClients, send: Send, access: str) -> None:
    to.files.files = {"documents/u1/a page.jpg": b"page"}
    base = f"https://ref.supabase.co/storage/v1/object/{access}"
    upload(to, file_url=f"{base}/documents/u1/a%20page.jpg?token=x")
    to.memory_supabase.delete_document(key())
    send("document-changed", ref(to))
    assert to.files.files == {}
