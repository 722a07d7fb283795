"""What Supabase knows of the whole and of one document: counts, ids and versions, no content."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.ids import is_uuid

if TYPE_CHECKING:
    from shared.stores.supabase import Supabase

ANNOUNCED = 1000  # announcements looked at, the newest


@dataclass(frozen=True, slots=True)
class OutboxStanding:
    """
    Supabase's outbox: documents there are, unsent rows, the age of the oldest in seconds, and the
    newest announcements as (kind, key, version, age in seconds).
    """

    documents: int
    unsent: int
    unsent_s: float | None
    announced: tuple[tuple[str, str, int, float], ...]


@dataclass(frozen=True, slots=True)
class DocumentStanding:
    """A document in Supabase. `version` is its own, `source_version` core's if it is a mirror."""

    id: str
    patient_id: str
    type: str | None
    origin: str
    version: int
    source_version: int | None
    created_at: str
    updated_at: str
    revoked: bool
    chunks: int


@dataclass(frozen=True, slots=True)
class ChunkRow:
    """A search chunk. What the edge function wrote has no index and no model."""

    id: str
    document_id: str
    patient_id: str
    chunk_index: int | None
    embedding_model: str | None
    created_at: str


class SupabaseStatus:
    """Reads through the data API. Raises TransientError when Supabase cannot be reached."""

    def __init__(self, supabase: Supabase) -> None:
        self._supabase = supabase

    def outbox(self) -> OutboxStanding:
        """Return how the outbox stands."""
        found = self._supabase.call("outbox_standing", {"p_limit": ANNOUNCED})
        announced = tuple((kind, key, v, float(age)) for kind, key, v, age in found["announced"])
        return OutboxStanding(found["documents"], found["unsent"], found["unsent_s"], announced)

    def documents_of(self, uid: str) -> list[DocumentStanding]:
        """Return a patient's documents, newest first, at most 200."""
        rows = self._supabase.call("document_standing", {"p_uid": uid, "p_id": None})
        return [DocumentStanding(**row) for row in rows]

    def document(self, document_id: str) -> DocumentStanding | None:
        """Return one document; nothing for what is no id of one."""
        if not is_uuid(document_id):
            return None
        rows = self._supabase.call("document_standing", {"p_uid": None, "p_id": document_id})
        return DocumentStanding(**rows[0]) if rows else None

    def chunks(self, *, chunk: str | None = None, document: str | None = None) -> list[ChunkRow]:
        """Return one chunk, or those of a document in order."""
        if not is_uuid(chunk or document or ""):
            return []
        rows = self._supabase.call("chunk_lineage", {"p_chunk": chunk, "p_document": document})
        return [ChunkRow(**row) for row in rows]
