"""Supabase `documents` and `rag_chunks`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from shared.models.documents import Chunk, Document, RemovedFile
from shared.search.foreign_chunks import ForeignChunk

if TYPE_CHECKING:
    from shared.stores.supabase import Supabase

_COLUMNS = (
    "id,patient_id,type,file_url,text,structured_json,ocr_confidence,created_at,version,origin"
)


@dataclass(frozen=True, slots=True)
class Indexable:
    """
    A document as the index sees it. `hashes` maps a stored chunk's index to "hash:model"; `foreign`
    are the edge function's own chunks.
    """

    id: str
    type: str | None
    text: str | None
    structured: Any
    version: int
    hashes: dict[int, str]
    created_at: str = ""
    revoked: bool = False
    foreign: tuple[ForeignChunk, ...] = ()


class SupabaseDocuments:
    """Reads uploads, writes mirrors and chunks."""

    def __init__(self, supabase: Supabase) -> None:
        self._supabase = supabase

    def read(self, ids: Sequence[str]) -> dict[str, Document]:
        """Return the documents that exist, by id."""
        rows = self._supabase.select("documents", _COLUMNS, list(ids))
        return {row["id"]: _document(row) for row in rows}

    def deleted(self, ids: Sequence[str]) -> dict[str, int]:
        """Return those that the source says are deleted, with the deletion's version."""
        rows = self._supabase.call("deleted_entities", {"p_kind": "document", "p_keys": list(ids)})
        return {row["key"]: row["version"] for row in rows}

    def of_patient(self, uid: str) -> list[str]:
        """Return the ids of a patient's uploads."""
        return list(self._supabase.call("patient_documents", {"p_uid": uid}))

    def touch_canary(self, document_id: str, uid: str, run: str) -> None:
        """Change the canary's upload."""
        self._supabase.call("touch_canary", {"p_id": document_id, "p_uid": uid, "p_run": run})

    def mirror(self, documents: Sequence[Document]) -> None:
        """Upsert mirrors of core prescriptions, each guarded by its version."""
        rows = [
            {
                "id": d.id,
                "patient_id": d.patient_uid,
                "type": d.type,
                "file_url": d.file_url,
                "text": d.text,
                "structured_json": d.structured,
                "ocr_confidence": d.confidence,
                "created_at": d.created_at,
                "source_version": d.version,
                "revoked": d.revoked,
            }
            for d in documents
        ]
        self._supabase.call("mirror_documents", {"p_documents": rows})

    def hide(self, versions: dict[str, int]) -> None:
        """Take mirrors from patient and search, given as id -> version of the revocation."""
        rows = [{"id": key, "source_version": version} for key, version in versions.items()]
        self._supabase.call("hide_documents", {"p_documents": rows})

    def removed_files(self, ids: Sequence[str]) -> list[RemovedFile]:
        """Return the files that these deleted documents have left in Storage."""
        rows = self._supabase.call("removed_files", {"p_ids": list(ids)})
        return [
            RemovedFile(r["document_id"], r["patient_id"], r["file_url"], tuple(r["used"]))
            for r in rows
        ]

    def forget_removed_files(self, ids: Sequence[str]) -> None:
        """Note that the files of these documents need no more attention."""
        self._supabase.call("forget_removed_files", {"p_ids": list(ids)})

    def left_files(self, overdue_s: float, after: str | None, limit: int) -> list[str]:
        """
        Return the next deleted documents, by id, whose files are left although their deletion was
        announced so many seconds ago.
        """
        arguments = {"p_overdue_s": overdue_s, "p_after": after, "p_limit": limit}
        return [row["document_id"] for row in self._supabase.call("left_files", arguments)]

    def unmirror(self, versions: dict[str, int]) -> None:
        """Remove mirrors, given as document id -> version at which the source was gone."""
        rows = [{"id": key, "source_version": version} for key, version in versions.items()]
        self._supabase.call("unmirror_documents", {"p_documents": rows})

    def read_for_indexing(self, ids: Sequence[str]) -> dict[str, Indexable]:
        """Return the documents' text and what is already indexed, in one read."""
        rows = self._supabase.call("read_for_indexing", {"p_ids": list(ids)})
        return {
            row["id"]: Indexable(
                row["id"],
                row["type"],
                row["text"],
                row["structured_json"],
                row["version"],
                {int(index): known for index, known in row["hashes"].items()},
                row["created_at"],
                row["revoked"],
                tuple(ForeignChunk(c["text"], c["model"]) for c in row["foreign_chunks"]),
            )
            for row in rows
        }

    def replace_chunks(
        self, model: str, documents: Sequence[tuple[Indexable, Sequence[Chunk]]]
    ) -> set[str]:
        """Swap each document's chunks as a whole; return the ids of those that had not moved on."""
        rows = [
            {
                "id": document.id,
                "version": document.version,
                "model": model,
                "chunks": [_chunk(chunk) for chunk in chunks],
            }
            for document, chunks in documents
        ]
        return {row["id"] for row in self._supabase.call("replace_chunks", {"p_documents": rows})}


def _document(row: dict[str, Any]) -> Document:
    return Document(
        id=row["id"],
        patient_uid=row["patient_id"],
        type=row["type"],
        file_url=row["file_url"],
        text=row["text"],
        structured=row["structured_json"],
        confidence=row["ocr_confidence"],
        created_at=row["created_at"],
        version=row["version"],
        origin=row["origin"],
    )


def _chunk(chunk: Chunk) -> dict[str, Any]:
    return {
        "id": chunk.id,
        "index": chunk.index,
        "text": chunk.text,
        "hash": chunk.hash,
        "metadata": chunk.metadata,
        "embedding": None if chunk.embedding is None else _vector(chunk.embedding),
    }


def _vector(values: Sequence[float]) -> str:
    """Return pgvector's text form: seven digits are all that its 4-byte floats hold."""
    return "[" + ",".join(format(value, ".7g") for value in values) + "]"
