"""Supabase's side of projections, in memory: what its functions sync.projection_* say."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import partial

from shared.models.documents import Document
from shared.papers.document_types import TYPES
from shared.repair import projections
from shared.repair.projections import canonical_row
from tests.memory.digests import MemoryDigests, canonical_json, stamp
from tests.memory.supabase import MemorySupabase, Row

Rows = Iterator[tuple[str, projections.Row]]


def supabase_digests(supabase: MemorySupabase) -> MemoryDigests:
    """Return Supabase's projections, digested."""
    views = {
        "auth_users": partial(_auth_users, supabase),
        "documents": partial(_documents, supabase),
        "prescriptions": partial(_prescriptions, supabase),
    }
    return MemoryDigests(supabase, supabase.outbox, "supabase_digests", views)


def _auth_users(supabase: MemorySupabase) -> Rows:
    for key, user in supabase.auth_users.items():
        app, own = user.app_metadata, user.user_metadata
        uid = app.get("firebase_uid")
        if uid is not None and (user.email or user.phone):
            fields = [app.get("postgres_id"), app.get("role"), user.email, user.phone]
            fields += [own.get(name) for name in ("firebase_uid", "postgres_id", "role", "name")]
            yield key, canonical_row(uid, uid, fields)


def _documents(supabase: MemorySupabase) -> Rows:
    for key, row in supabase.document_rows.items():
        if row["origin"] == "upload":
            written = (row["type"] or "").strip()
            fields = [
                row["patient_id"], TYPES.get(written.lower(), written.upper()) or None,
                row["file_url"], row["text"], canonical_json(row["structured_json"]),
                row["ocr_confidence"], stamp(datetime.fromisoformat(row["created_at"])),
                row["version"], True,
            ]  # fmt: skip
            yield key, canonical_row(key, key, fields)


def _prescriptions(supabase: MemorySupabase) -> Rows:
    for key, row in supabase.document_rows.items():
        if row["origin"] == "core":
            version = str(row["source_version"] or 0)
            summary = canonical_json(row["structured_json"])
            fields = [row["patient_id"], summary, _is_whole(supabase, row), _shown(row)]
            yield key, canonical_row(key, version, fields)


def _is_whole(supabase: MemorySupabase, document: Row) -> bool:
    """Tell whether search has every chunk; of a revoked one it has none."""
    rows = supabase.chunk_rows.items()
    chunks = {at[1]: row["patient_id"] for at, row in rows if at[0] == document["id"]}
    if not chunks:
        return document["revoked"]
    whole = len(chunks) == max(chunks) + 1
    return whole and set(chunks.values()) == {document["patient_id"]}


def _shown(row: Row) -> int:
    shown = Document(
        id=row["id"],
        patient_uid=row["patient_id"],
        type=row["type"],
        file_url=row["file_url"],
        text=row["text"],
        structured=None,
        confidence=None,
        created_at=row["created_at"],
        version=0,
        revoked=row["revoked"],
    )
    return projections.mirror_digest(shown)
