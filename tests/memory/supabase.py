"""
Supabase in memory: documents, search chunks, auth users, and the outbox of uploads.

What the edge function does (`upload`, `delete_document`) announces itself through the outbox, as
the triggers make it do; mirrors of core and unchanged rows announce nothing.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from shared.errors import PermanentError
from shared.models.documents import RemovedFile
from shared.models.users import AuthUser
from shared.search.foreign_chunks import ForeignChunk
from tests.memory.place import Outbox, Place, alias

Row = dict[str, Any]

_BLANK: Row = {
    "type": None,
    "file_url": None,
    "text": None,
    "structured_json": None,
    "ocr_confidence": None,
    "created_at": "2026-05-01T10:00:00+00:00",
    "origin": "upload",
    "source_version": None,
    "revoked": False,
}


class MemorySupabase(Place):
    """The state of Supabase, and what the product's own parts do to it."""

    def __init__(self) -> None:
        super().__init__()
        self.outbox = Outbox(self)
        self.document_rows: dict[str, Row] = {}
        self.chunk_rows: dict[tuple[str, int], Row] = {}  # by document id and index
        self.foreign_chunks: dict[str, list[ForeignChunk]] = {}  # the edge function's, by document
        self.removed_files: dict[str, RemovedFile] = {}  # by document
        self.auth_users: dict[str, AuthUser] = {}
        self.trail: list[str] = []  # ids of auth users with an audit entry
        self.buried: set[str] = set()  # aliases of erased patients

    def upload(self, *documents: Row) -> None:
        """Insert or change uploads in one statement: {"id", "patient_id", ...columns}."""
        for document in documents:
            self.write_document(_BLANK | document)

    def delete_document(self, document_id: str) -> None:
        """Delete a document; its chunks go with it."""
        row = self.document_rows[document_id]
        self.drop_document(document_id)
        if row["origin"] == "upload":
            if row["file_url"] is not None:
                left = RemovedFile(document_id, row["patient_id"], row["file_url"])
                self.removed_files[document_id] = left
            self.outbox.note("document", document_id, self.next_version(), deleted=True)

    def write_document(self, row: Row) -> None:
        """
        Write a row; a change draws a version, and announces an upload. Raise PermanentError for an
        erased patient's.
        """
        if alias("user", row["patient_id"]) in self.buried:
            raise PermanentError("patient_erased")
        row = row | {"created_at": datetime.fromisoformat(row["created_at"]).isoformat()}
        known = self.document_rows.get(row["id"], {"version": 0})
        if known == row | {"version": known["version"]}:
            return
        version = self.next_version()
        self.document_rows[row["id"]] = row | {"version": version}
        if row["origin"] == "upload":
            self.outbox.note("document", row["id"], version)

    def drop_document(self, document_id: str) -> None:
        """Remove a document with its chunks."""
        del self.document_rows[document_id]
        self.drop_chunks(document_id)

    def drop_chunks(self, document_id: str) -> None:
        """Remove a document's chunks."""
        self.foreign_chunks.pop(document_id, None)
        for at in [at for at in self.chunk_rows if at[0] == document_id]:
            del self.chunk_rows[at]


def uuid(text: str) -> str:
    """Return an id as the database writes it. Raise what it raises for one that is no UUID."""
    try:
        return str(UUID(text))
    except ValueError:
        raise PermanentError("supabase_22p02") from None
