"""
Supabase, in memory and real, behind one set of words: what the edge function does to it, and what
can be seen. The real one is the `supabase` client over HTTP; what its stores do not show is read
from the database.
"""

from __future__ import annotations

from typing import Any, LiteralString

import psycopg
from psycopg.types.json import Jsonb

from shared.search.foreign_chunks import ForeignChunk
from shared.stores.supabase import Supabase
from shared.stores.supabase_documents import SupabaseDocuments
from shared.stores.supabase_outbox import SupabaseOutbox
from shared.stores.supabase_patients import SupabasePatients
from shared.stores.supabase_users import SupabaseUsers
from tests.memory.embedder import vector
from tests.memory.supabase import MemorySupabase
from tests.memory.supabase_documents import MemorySupabaseDocuments, MemorySupabaseOutbox
from tests.memory.supabase_patients import MemorySupabasePatients
from tests.memory.supabase_users import MemorySupabaseUsers

Sql = psycopg.Connection[dict[str, Any]]

_UPLOAD = """
insert into public.documents as d (id, patient_id, type, file_url, text, structured_json,
  ocr_confidence)
select id, patient_id, type, file_url, text, structured_json, ocr_confidence
from jsonb_populate_recordset(null::public.documents, %(rows)s)
on conflict (id) do update set patient_id = excluded.patient_id, type = excluded.type,
  file_url = excluded.file_url, text = excluded.text, structured_json = excluded.structured_json
"""
_FOREIGN = """
insert into public.rag_chunks (patient_id, document_id, chunk_text, embedding)
select patient_id, id, %(text)s, %(v)s::extensions.vector from public.documents where id = %(id)s
"""


class MemorySupabaseWorld:
    """Supabase in memory."""

    def __init__(self) -> None:
        self.supabase = supabase = MemorySupabase()
        self.documents: Any = MemorySupabaseDocuments(supabase)
        self.users: Any = MemorySupabaseUsers(supabase)
        self.outbox: Any = MemorySupabaseOutbox(supabase)
        self.patients: Any = MemorySupabasePatients(supabase)
        self.upload = supabase.upload
        self.delete_document = supabase.delete_document
        self.expire_leases = supabase.outbox.expire_leases

    def index_elsewhere(self, document_id: str, *texts: str) -> None:
        """Write chunks as the edge function does; passed over where the sync's own are."""
        if not any(at[0] == document_id for at in self.supabase.chunk_rows):
            chunks = [ForeignChunk(text, None) for text in texts]
            self.supabase.foreign_chunks.setdefault(document_id, []).extend(chunks)

    def revoked(self, document_id: str) -> bool:
        """Tell whether a document is marked as revoked."""
        return self.supabase.document_rows[document_id]["revoked"]

    def version(self, document_id: str) -> int:
        """Return a document's version."""
        return self.supabase.document_rows[document_id]["version"]

    def origin(self, document_id: str) -> str | None:
        """Return where a document comes from, nothing if it is not there."""
        row = self.supabase.document_rows.get(document_id)
        return row["origin"] if row else None

    def chunks(self, document_id: str) -> list[tuple[int, str, str, float, dict[str, Any]]]:
        """Return a document's chunks: index, text, owner, first number of the vector, metadata."""
        rows = sorted(self.supabase.chunk_rows.items())
        return [
            (at[1], row["text"], row["patient_id"], row["embedding"][0], row["metadata"])
            for at, row in rows
            if at[0] == document_id
        ]

    def made_of(self, document_id: str) -> set[tuple[str, int]]:
        """Return model and document's version of a document's chunks."""
        rows = self.supabase.chunk_rows.items()
        return {(row["model"], row["version"]) for at, row in rows if at[0] == document_id}

    def unsent(self) -> set[tuple[str, str]]:
        """Return what the outbox still has to announce."""
        return set(self.supabase.outbox.unsent())


class HttpSupabaseWorld:
    """Supabase behind its HTTP APIs, with the migrations as deployed."""

    def __init__(self, supabase: Supabase, sql: Sql) -> None:
        self.documents: Any = SupabaseDocuments(supabase)
        self.users: Any = SupabaseUsers(supabase)
        self.outbox: Any = SupabaseOutbox(supabase)
        self.patients: Any = SupabasePatients(supabase)
        self._sql = sql

    def upload(self, *documents: dict[str, Any]) -> None:
        """Insert or change uploads in one statement: {"id", "patient_id", ...columns}."""
        self._sql.execute(_UPLOAD, {"rows": Jsonb(documents)})

    def delete_document(self, document_id: str) -> None:
        """Delete a document; its chunks go with it."""
        self._sql.execute("delete from public.documents where id = %(id)s", {"id": document_id})

    def expire_leases(self) -> None:
        """Let the time of every lease pass, as after the crash of its holder."""
        self._sql.execute("update sync.outbox set lease_until = now() - interval '1 second'")

    def index_elsewhere(self, document_id: str, *texts: str) -> None:
        """Write chunks as the edge function does; passed over where the sync's own are."""
        for text in texts:
            self._sql.execute(_FOREIGN, {"id": document_id, "text": text, "v": str(vector(text))})

    def revoked(self, document_id: str) -> bool:
        """Tell whether a document is marked as revoked."""
        rows = self._all(
            "select revoked_at is not null as revoked from public.documents where id = %(id)s",
            id=document_id,
        )
        return rows[0]["revoked"]

    def version(self, document_id: str) -> int:
        """Return a document's version."""
        rows = self._all("select version from public.documents where id = %(id)s", id=document_id)
        return rows[0]["version"]

    def origin(self, document_id: str) -> str | None:
        """Return where a document comes from, nothing if it is not there."""
        rows = self._all("select origin from public.documents where id = %(id)s", id=document_id)
        return rows[0]["origin"] if rows else None

    def chunks(self, document_id: str) -> list[tuple[int, str, str, float, dict[str, Any]]]:
        """Return a document's chunks: index, text, owner, first number of the vector, metadata."""
        rows = self._all(
            "select chunk_index, chunk_text, patient_id, (embedding::real[])[1] as first, metadata"
            " from public.rag_chunks where document_id = %(id)s order by chunk_index",
            id=document_id,
        )
        names = ("chunk_index", "chunk_text", "patient_id", "first", "metadata")
        return [tuple(row[name] for name in names) for row in rows]  # pyright: ignore[reportReturnType]

    def made_of(self, document_id: str) -> set[tuple[str, int]]:
        """Return model and document's version of a document's chunks."""
        rows = self._all(
            "select embedding_model, document_version from public.rag_chunks"
            " where document_id = %(id)s",
            id=document_id,
        )
        return {(row["embedding_model"], row["document_version"]) for row in rows}

    def unsent(self) -> set[tuple[str, str]]:
        """Return what the outbox still has to announce."""
        rows = self._all("select kind, key from sync.outbox where sent_at is null")
        return {(row["kind"], row["key"]) for row in rows}

    def _all(self, query: LiteralString, **values: Any) -> list[dict[str, Any]]:
        return self._sql.execute(query, values).fetchall()


SupabaseWorld = MemorySupabaseWorld | HttpSupabaseWorld
