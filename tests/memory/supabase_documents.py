"""Supabase documents, chunks and outbox, in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from shared.events import Ref
from shared.models.documents import Chunk, Document, RemovedFile
from shared.stores.supabase_documents import Indexable
from tests.memory.supabase import MemorySupabase, Row, uuid


class MemorySupabaseDocuments:
    """Reads uploads, writes mirrors and chunks."""

    def __init__(self, supabase: MemorySupabase) -> None:
        self._supabase = supabase

    def read(self, ids: Sequence[str]) -> dict[str, Document]:
        """Return the documents that exist, by id."""
        with self._supabase.effect("supabase_documents.read"):
            return {row["id"]: _document(row) for row in self._rows(ids)}

    def deleted(self, ids: Sequence[str]) -> dict[str, int]:
        """Return those that the source says are deleted, with the deletion's version."""
        with self._supabase.effect("supabase_documents.deleted"):
            rows = {key: self._supabase.outbox.rows.get(("document", key)) for key in ids}
            return {key: row.version for key, row in rows.items() if row and row.deleted}

    def of_patient(self, uid: str) -> list[str]:
        """Return the ids of a patient's uploads."""
        with self._supabase.effect("supabase_documents.of_patient"):
            rows = self._supabase.document_rows.items()
            return [k for k, r in rows if (r["patient_id"], r["origin"]) == (uid, "upload")]

    def touch_canary(self, document_id: str, uid: str, run: str) -> None:
        """Change the canary's upload."""
        with self._supabase.effect("supabase_documents.touch_canary"):
            made = {"id": document_id, "patient_id": uid, "type": "REPORT", "ocr_confidence": 1.0}
            known = self._supabase.document_rows.get(uuid(document_id))
            row = known or made | {"structured_json": {"medications": []}}
            self._supabase.upload(row | {"text": run})

    def mirror(self, documents: Sequence[Document]) -> None:
        """Upsert mirrors of core prescriptions, each guarded by its version."""
        with self._supabase.effect("supabase_documents.mirror"):
            for document in documents:
                known = self._supabase.document_rows.get(uuid(document.id))
                if known is None or _is_mirror_before(known, document.version):
                    self._supabase.write_document(_mirror(document))
                    if document.revoked:
                        self._supabase.drop_chunks(document.id)

    def hide(self, versions: dict[str, int]) -> None:
        """Take mirrors from patient and search, given as id -> version of the revocation."""
        with self._supabase.effect("supabase_documents.hide"):
            for key, version in versions.items():
                known = self._supabase.document_rows.get(uuid(key))
                if known and _is_mirror_before(known, version):
                    hidden = {"revoked": True, "source_version": version - 1}
                    self._supabase.write_document(known | hidden)
                    self._supabase.drop_chunks(key)

    def removed_files(self, ids: Sequence[str]) -> list[RemovedFile]:
        """Return the files that these deleted documents have left in Storage."""
        with self._supabase.effect("supabase_documents.removed_files"):
            rows = self._supabase.document_rows.values()
            used = {row["file_url"] for row in rows}
            left = [file for key in ids if (file := self._supabase.removed_files.get(key))]
            return [
                replace(file, used=tuple(r["file_url"] for r in rows if _beside(r, file)))
                for file in left
                if file.file_url not in used
            ]

    def forget_removed_files(self, ids: Sequence[str]) -> None:
        """Note that the files of these documents need no more attention."""
        with self._supabase.effect("supabase_documents.forget_removed_files"):
            for key in ids:
                self._supabase.removed_files.pop(key, None)

    def left_files(self, overdue_s: float, after: str | None, limit: int) -> list[str]:
        """Return the next deleted documents whose files are left."""
        with self._supabase.effect("supabase_documents.left_files"):
            oldest, rows = self._supabase.clock() - overdue_s, self._supabase.outbox.rows
            found = {key: rows.get(("document", key)) for key in self._supabase.removed_files}
            return [
                key
                for key, row in sorted(found.items())
                if row and row.deleted and row.sent and (row.sent_at or 0) < oldest
                if after is None or key > after
            ][:limit]

    def unmirror(self, versions: dict[str, int]) -> None:
        """Remove mirrors, given as document id -> version at which the source was gone."""
        with self._supabase.effect("supabase_documents.unmirror"):
            for key, version in versions.items():
                known = self._supabase.document_rows.get(uuid(key))
                if known and _is_mirror_before(known, version):
                    self._supabase.drop_document(key)

    def read_for_indexing(self, ids: Sequence[str]) -> dict[str, Indexable]:
        """Return the documents' text and what is already indexed."""
        with self._supabase.effect("supabase_documents.read_for_indexing"):
            return {row["id"]: self._indexable(row) for row in self._rows(ids)}

    def replace_chunks(
        self, model: str, documents: Sequence[tuple[Indexable, Sequence[Chunk]]]
    ) -> set[str]:
        """Swap each document's chunks as a whole; return the ids of those that had not moved on."""
        with self._supabase.effect("supabase_documents.replace_chunks"):
            swapped: set[str] = set()
            for document, chunks in documents:
                row = self._supabase.document_rows.get(document.id)
                if row and row["version"] == document.version:
                    self._swap(row, model, chunks)
                    swapped.add(document.id)
            return swapped

    def _rows(self, ids: Sequence[str]) -> list[Row]:
        wanted = [uuid(key) for key in ids]
        return [row for key, row in self._supabase.document_rows.items() if key in wanted]

    def _indexable(self, row: Row) -> Indexable:
        hashes = {
            index: f"{chunk['hash']}:{chunk['model']}"
            for (document_id, index), chunk in self._supabase.chunk_rows.items()
            if document_id == row["id"]
        }
        return Indexable(
            row["id"],
            row["type"],
            row["text"],
            row["structured_json"],
            row["version"],
            hashes,
            row["created_at"],
            row["revoked"],
            tuple(self._supabase.foreign_chunks.get(row["id"], ())),
        )

    def _swap(self, document: Row, model: str, chunks: Sequence[Chunk]) -> None:
        rows = self._supabase.chunk_rows
        self._supabase.foreign_chunks.pop(document["id"], None)
        for at in [at for at in rows if at[0] == document["id"] and at[1] >= len(chunks)]:
            del rows[at]
        for chunk in chunks:
            at = (document["id"], chunk.index)
            common = {
                "patient_id": document["patient_id"],
                "metadata": chunk.metadata,
                "version": document["version"],
            }
            if chunk.embedding is not None:
                content = {"text": chunk.text, "hash": chunk.hash, "embedding": chunk.embedding}
                rows[at] = common | content | {"id": chunk.id, "model": model}
            elif at in rows:
                rows[at] = rows[at] | common


class MemorySupabaseOutbox:
    """Claims and settles Supabase's outbox rows."""

    def __init__(self, supabase: MemorySupabase) -> None:
        self._supabase = supabase

    def claim(self, token: str, limit: int, lease_s: int) -> list[Ref]:
        """Lease unsent rows."""
        with self._supabase.effect("supabase_outbox.claim"):
            return self._supabase.outbox.claim(token, limit, lease_s)

    def settle(self, token: str, sent: Sequence[Ref]) -> None:
        """Mark rows as sent."""
        with self._supabase.effect("supabase_outbox.settle"):
            self._supabase.outbox.settle(token, list(sent))

    def announce_again(self, kind: str, keys: Sequence[str]) -> int:
        """Mark uploads unsent, at the version they have."""
        with self._supabase.effect("supabase_outbox.announce_again"):
            return self._announce_again(kind, keys)

    def announce_page(self, kind: str, after: str | None, limit: int) -> tuple[str | None, int]:
        """Mark the next page of uploads unsent."""
        with self._supabase.effect("supabase_outbox.announce_page"):
            rows = self._supabase.document_rows.items()
            ids = sorted(k for k, r in rows if r["origin"] == "upload" and k > (after or ""))[
                :limit
            ]
            return (ids[-1] if ids else None), self._announce_again(kind, ids)

    def purge(self, days: int, limit: int) -> int:
        """Forget deletions announced long ago."""
        with self._supabase.effect("supabase_outbox.purge"):
            files = {("document", key) for key in self._supabase.removed_files}
            return self._supabase.outbox.purge(days, limit, needed=files)

    def _announce_again(self, kind: str, keys: Sequence[str]) -> int:
        known = self._supabase.outbox.rows
        versions = {key: row["version"] for key, row in self._supabase.document_rows.items()}
        versions |= {key: row.version for (k, key), row in known.items() if k == kind}
        announced = {key: versions[key] for key in keys if key in versions}
        for key, version in announced.items():
            deleted = (kind, key) in known and known[kind, key].deleted
            self._supabase.outbox.note(kind, key, version, deleted=deleted)
        return len(announced)


def _is_mirror_before(row: Row, version: int) -> bool:
    return row["origin"] == "core" and row["source_version"] < version


def _mirror(document: Document) -> Row:
    return {
        "id": document.id,
        "patient_id": document.patient_uid,
        "type": document.type,
        "file_url": document.file_url,
        "text": document.text,
        "structured_json": document.structured,
        "ocr_confidence": document.confidence,
        "created_at": document.created_at,
        "origin": "core",
        "source_version": document.version,
        "revoked": document.revoked,
    }


def _beside(row: Row, file: RemovedFile) -> bool:
    return row["patient_id"] == file.patient_uid and row["file_url"] is not None


def _document(row: Row) -> Document:
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
