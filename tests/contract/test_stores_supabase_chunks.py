"""Search chunks of Supabase documents: swapped as a whole, or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import pytest

from shared.models.documents import Chunk
from shared.stores.supabase_documents import Indexable
from tests.contract.supabase_worlds import SupabaseWorld
from tests.memory.embedder import vector

D1, D2 = str(UUID(int=1)), str(UUID(int=2))
MODEL = "text-embedding-3-small"


def chunk(index: int, text: str, *, new: bool = True, kind: str = "lab") -> Chunk:
    return Chunk(
        id=str(UUID(int=1000 + index)),
        index=index,
        text=text,
        hash=f"hash of {text}",
        metadata={"type": kind},
        embedding=vector(text) if new else None,
    )


def source(at_supabase: SupabaseWorld, key: str = D1) -> Indexable:
    return at_supabase.documents.read_for_indexing([key])[key]


def swap(at_supabase: SupabaseWorld, document: Indexable, *chunks: Chunk) -> set[str]:
    return at_supabase.documents.replace_chunks(MODEL, [(document, chunks)])


def texts(at_supabase: SupabaseWorld, key: str = D1) -> Sequence[str]:
    return [text for _, text, *_ in at_supabase.chunks(key)]


@pytest.fixture(autouse=True)
def _uploaded(at_supabase: SupabaseWorld) -> None:
    at_supabase.upload({"id": D1, "patient_id": "u1", "type": "lab", "text": "one two"})


def test_a_document_is_read_for_indexing_with_no_chunks_yet(at_supabase: SupabaseWorld) -> None:
    version = at_supabase.version(D1)
    found = at_supabase.documents.read_for_indexing([D1, D2])
    created_at = found[D1].created_at
    assert found == {D1: Indexable(D1, "lab", "one two", None, version, {}, created_at)}


def test_chunks_are_stored_with_owner_vector_and_metadata(at_supabase: SupabaseWorld) -> None:
    assert swap(at_supabase, source(at_supabase), chunk(0, "one"), chunk(1, "two")) == {D1}
    assert at_supabase.chunks(D1) == [
        (0, "one", "u1", vector("one")[0], {"type": "lab"}),
        (1, "two", "u1", vector("two")[0], {"type": "lab"}),
    ]
    assert source(at_supabase).hashes == {
        0: f"hash of one:{MODEL}",
        1: f"hash of two:{MODEL}",
    }


def test_a_shorter_document_loses_its_last_chunks(at_supabase: SupabaseWorld) -> None:
    swap(at_supabase, source(at_supabase), chunk(0, "one"), chunk(1, "two"), chunk(2, "three"))
    swap(at_supabase, source(at_supabase), chunk(0, "uno"))
    assert texts(at_supabase) == ["uno"]


def test_a_document_without_text_has_no_chunks(at_supabase: SupabaseWorld) -> None:
    swap(at_supabase, source(at_supabase), chunk(0, "one"))
    assert swap(at_supabase, source(at_supabase)) == {D1}
    assert texts(at_supabase) == []


def test_a_chunk_without_a_new_vector_keeps_the_stored_one_and_takes_the_new_metadata(
    at_supabase: SupabaseWorld,
) -> None:
    swap(at_supabase, source(at_supabase), chunk(0, "one"), chunk(1, "two"))
    kept = chunk(0, "one", new=False, kind="report")
    swap(at_supabase, source(at_supabase), kept, chunk(1, "zwei"))
    assert at_supabase.chunks(D1) == [
        (0, "one", "u1", vector("one")[0], {"type": "report"}),
        (1, "zwei", "u1", vector("zwei")[0], {"type": "lab"}),
    ]


def test_chunks_carry_the_model_and_the_version_of_their_document(
    at_supabase: SupabaseWorld,
) -> None:
    before = source(at_supabase)
    swap(at_supabase, before, chunk(0, "one"), chunk(1, "two"))
    assert at_supabase.made_of(D1) == {(MODEL, before.version)}
    at_supabase.upload({"id": D1, "patient_id": "u1", "type": "lab", "text": "one zwei"})
    after = source(at_supabase)
    assert after.version > before.version
    swap(at_supabase, after, chunk(0, "one", new=False), chunk(1, "zwei"))
    assert at_supabase.made_of(D1) == {(MODEL, after.version)}


def test_a_document_that_moved_since_it_was_read_is_left_alone(at_supabase: SupabaseWorld) -> None:
    at_supabase.upload({"id": D2, "patient_id": "u2", "text": "other"})
    moved, still = source(at_supabase, D1), source(at_supabase, D2)
    at_supabase.upload({"id": D1, "patient_id": "u1", "type": "lab", "text": "changed"})
    swapped = at_supabase.documents.replace_chunks(
        MODEL, [(moved, [chunk(0, "one")]), (still, [chunk(5, "other")])]
    )
    assert swapped == {D2}
    assert (texts(at_supabase, D1), texts(at_supabase, D2)) == ([], ["other"])


def test_a_document_deleted_since_it_was_read_gets_no_chunks(at_supabase: SupabaseWorld) -> None:
    document = source(at_supabase)
    at_supabase.delete_document(D1)
    assert swap(at_supabase, document, chunk(0, "one")) == set()
    assert texts(at_supabase) == []


def test_the_chunks_of_a_deleted_document_go_with_it(at_supabase: SupabaseWorld) -> None:
    swap(at_supabase, source(at_supabase), chunk(0, "one"))
    at_supabase.delete_document(D1)
    assert texts(at_supabase) == []


def test_swapping_nothing_is_allowed(at_supabase: SupabaseWorld) -> None:
    assert at_supabase.documents.replace_chunks(MODEL, []) == set()


def test_the_edge_functions_chunks_are_told_apart_and_go_with_a_swap(
    at_supabase: SupabaseWorld,
) -> None:
    at_supabase.index_elsewhere(D1, "one", "two")
    found = source(at_supabase)
    assert (found.hashes, {chunk.text for chunk in found.foreign}) == ({}, {"one", "two"})
    swap(at_supabase, found, chunk(0, "one two"))
    assert texts(at_supabase) == ["one two"]
    assert source(at_supabase).foreign == ()


def test_what_the_edge_function_brings_after_the_sync_has_indexed_is_passed_over(
    at_supabase: SupabaseWorld,
) -> None:
    swap(at_supabase, source(at_supabase), chunk(0, "one two"))
    at_supabase.index_elsewhere(D1, "one", "two")
    assert texts(at_supabase) == ["one two"]
    assert source(at_supabase).foreign == ()
