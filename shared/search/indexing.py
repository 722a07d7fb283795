"""
Search chunks of documents: split, embed what changed, swap as a whole.

Unchanged text costs no embedding call (its hash is stored), a shorter document loses its tail, and
readers see either the old set of chunks or the new one. What the edge function has already indexed
as it stands is left alone. When the provider asks to wait, documents that are complete are swapped
and the others wait; a text that it refuses parks its document only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from shared import ids
from shared.errors import SyncError, TransientError
from shared.models.documents import Chunk
from shared.search.chunking import chunk_text, content_hash
from shared.search.embedding import embed_all
from shared.search.foreign_chunks import cover

if TYPE_CHECKING:
    from uuid import UUID

    from shared.search.embedding import Embedder
    from shared.stores.supabase_documents import Indexable

_ROUNDS = 3
Metadata = Callable[["Indexable"], dict[str, Any]]
Planned = tuple["Indexable", "list[tuple[Chunk, bool]]"]
Became = str | SyncError


class Documents(Protocol):
    """Supabase documents and their chunks."""

    def read_for_indexing(self, ids: Sequence[str]) -> dict[str, Indexable]: ...

    def replace_chunks(
        self, model: str, documents: Sequence[tuple[Indexable, Sequence[Chunk]]]
    ) -> set[str]: ...


def index(
    wanted: Sequence[str],
    metadata: Metadata,
    *,
    documents: Documents,
    embedder: Embedder,
    namespace: UUID,
) -> dict[str, Became]:
    """
    Index documents; `metadata` tells what their chunks say about them. Return what became of each
    id: "indexed", "gone", or the error that keeps it from being indexed.
    """
    result: dict[str, Became] = {}
    for _ in range(_ROUNDS):
        open_ids = [key for key in wanted if key not in result]
        if not open_ids:
            break
        found = documents.read_for_indexing(open_ids)
        result |= {key: "gone" for key in open_ids if key not in found}
        result |= {key: "indexed" for key, doc in found.items() if _done_elsewhere(doc, embedder)}
        planned: list[Planned] = [
            (document, _plan(document, metadata(document), embedder.model, namespace))
            for key, document in found.items()
            if key not in result
        ]
        complete, failures = _embedded(planned, embedder)
        swapped = documents.replace_chunks(embedder.model, complete) if complete else set[str]()
        result |= failures | dict.fromkeys(swapped, "indexed")
    return {key: result.get(key) or TransientError("source_keeps_moving") for key in wanted}


def _done_elsewhere(document: Indexable, embedder: Embedder) -> bool:
    """Tell whether the edge function's chunks are all that this document needs."""
    if document.hashes or document.revoked:
        return False
    return cover(document.text or "", document.foreign, embedder.model)


def _plan(
    document: Indexable, metadata: dict[str, Any], model: str, namespace: UUID
) -> list[tuple[Chunk, bool]]:
    """Return the document's chunks, and for each whether it needs a new embedding."""
    chunks: list[tuple[Chunk, bool]] = []
    text = "" if document.revoked else document.text or ""
    for number, part in enumerate(chunk_text(text)):
        digest = content_hash(part)
        chunk_id = ids.chunk_id(namespace, document.id, model, number)
        known = document.hashes.get(number) == f"{digest}:{model}"
        chunks.append((Chunk(chunk_id, number, part, digest, metadata), not known))
    return chunks


def _embedded(
    planned: Sequence[Planned], embedder: Embedder
) -> tuple[list[tuple[Indexable, list[Chunk]]], dict[str, Became]]:
    """Fill in the missing embeddings, all documents' together so that requests are full."""
    texts = [chunk.text for _, chunks in planned for chunk, needed in chunks if needed]
    vectors = iter(embed_all(texts, embedder))
    complete: list[tuple[Indexable, list[Chunk]]] = []
    failures: dict[str, Became] = {}
    for document, chunks in planned:
        filled = [(chunk, next(vectors) if needed else None) for chunk, needed in chunks]
        errors = [vector for _, vector in filled if isinstance(vector, SyncError)]
        if errors:  # one that can never work outweighs those that can
            failures[document.id] = min(errors, key=lambda e: isinstance(e, TransientError))
        else:
            complete.append(
                (document, [_with(c, v) for c, v in filled if not isinstance(v, SyncError)])
            )
    return complete, failures


def _with(chunk: Chunk, embedding: list[float] | None) -> Chunk:
    return Chunk(chunk.id, chunk.index, chunk.text, chunk.hash, chunk.metadata, embedding)
