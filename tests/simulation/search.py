"""What search finds of a document, compared with what the document says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from tests.memory.embedder import vector

if TYPE_CHECKING:
    from tests.simulation.world import World


def search_of(world: World, document: dict[str, Any]) -> Iterator[str]:
    """Yield in which ways a document's chunks are not those of its text."""
    rows = world.to.memory_supabase.chunk_rows
    places = sorted(at for at in rows if at[0] == document["id"])
    chunks, text = [rows[at] for at in places], document["text"] or ""
    if [number for _, number in places] != list(range(len(chunks))):
        yield "chunks with gaps"
    if any(chunk["text"] not in text for chunk in chunks):
        yield "search finds what it does not say"
    if sum(len(chunk["text"].split()) for chunk in chunks) < len(text.split()):
        yield "search misses some of it"
    if any(chunk["embedding"] != vector(chunk["text"]) for chunk in chunks):
        yield "an embedding of another text"
    if any(chunk["patient_id"] != document["patient_id"] for chunk in chunks):
        yield "a chunk of another patient"
