"""
Search chunks of documents: split, embed what changed, swap as a whole.

Unchanged text costs no embedding call (its hash is stored), a shorter document loses its tail, and
readers see either the old set of chunks or the new one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from shared import ids
from shared.chunking import chunk_text, content_hash
from shared.models import Chunk

if TYPE_CHECKING:
    from uuid import UUID

    from shared.stores.supabase_documents import Indexable

_ROUNDS = 3


class Documents(Protocol):
    """Supabase documents and their chunks."""

    def read_for_indexing(self, ids: Sequence[str]) -> dict[str, Indexable]: ...

    def replace_chunks(
        self, model: str, documents: Sequence[tuple[Indexable, Sequence[Chunk]]]
    ) -> set[str]: ...


class Embedder(Protocol):
    """The embeddings provider."""

    @property
    def model(self) -> str: ...

    def embed(self, texts: list[str]) -> list[list[float]]: ...


def index(
    wanted: Mapping[str, dict[str, Any]],
    *,
    documents: Documents,
    embedder: Embedder,
    namespace: UUID,
) -> dict[str, str]:
    """
    Index documents, given as id -> metadata of their chunks. Return what became of each id:
    "indexed", "gone" or "moving" (it changed during every try).
    """
    result = dict.fromkeys(wanted, "moving")
    for _ in range(_ROUNDS):
        open_ids = [key for key, state in result.items() if state == "moving"]
        if not open_ids:
            break
        found = documents.read_for_indexing(open_ids)
        result |= {key: "gone" for key in open_ids if key not in found}
        planned = [
            (document, _plan(document, wanted[document.id], embedder.model, namespace))
            for document in found.values()
        ]
        swapped = documents.replace_chunks(embedder.model, _embedded(planned, embedder))
        result |= dict.fromkeys(swapped, "indexed")
    return result


def _plan(
    document: Indexable, metadata: dict[str, Any], model: str, namespace: UUID
) -> list[tuple[Chunk, bool]]:
    """Return the document's chunks, and for each whether it needs a new embedding."""
    chunks: list[tuple[Chunk, bool]] = []
    for number, text in enumerate(chunk_text(document.text or "")):
        digest = content_hash(text)
        chunk_id = ids.chunk_id(namespace, document.id, model, number)
        known = document.hashes.get(number) == f"{digest}:{model}"
        chunks.append((Chunk(chunk_id, number, text, digest, metadata), not known))
    return chunks


def _embedded(
    planned: Sequence[tuple[Indexable, Sequence[tuple[Chunk, bool]]]], embedder: Embedder
) -> list[tuple[Indexable, list[Chunk]]]:
    """Fill in the missing embeddings, all documents' together so that requests are full."""
    texts = [chunk.text for _, chunks in planned for chunk, needed in chunks if needed]
    vectors = iter(embedder.embed(texts) if texts else [])
    return [
        (document, [_with(chunk, next(vectors) if needed else None) for chunk, needed in chunks])
        for document, chunks in planned
    ]


def _with(chunk: Chunk, embedding: list[float] | None) -> Chunk:
    return Chunk(chunk.id, chunk.index, chunk.text, chunk.hash, chunk.metadata, embedding)
