"""
What must agree between the stores, and how it is digested.

A projection is written alike by both of its sides: in SQL as a view sync.projection_NAME of that
store's migrations, for Firebase accounts here and for Firestore in shared/projected_documents.py. A
row's canonical text is a JSON array as PostgreSQL prints it; its hash and its bucket are the first
8 bytes of a SHA-256.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared import ids
from shared.models import Account, Document

if TYPE_CHECKING:
    from uuid import UUID

# Rows per bucket. 100 differences are in at most 100 buckets: of 100,000 rows, 1,600 are read.
_ROWS_PER_BUCKET = 16
_MOST_BUCKETS = 65_536


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a projection: the entity as its side names it, the shared key, the hash."""

    entity: str
    key: str
    hash: int


@dataclass(frozen=True, slots=True)
class Projection:
    """
    One comparison. `source` and `target` are places; the source is right. `steps` bring the target
    to agree. `target_entity` tells what the target calls an entity of the source. `listed` when one
    side must be read as a whole, which is paid by the document: it is not compared every hour.
    """

    name: str
    kind: str
    source: str
    target: str
    steps: tuple[str, ...]
    target_entity: Callable[[UUID, str], str] = lambda _, entity: entity
    listed: bool = False


PROJECTIONS: Mapping[str, Projection] = {
    p.name: p
    for p in (
        Projection("users", "user", "firebase", "core", ("store_user", "admit_user")),
        Projection("auth_users", "user", "core", "supabase", ("mirror_user",)),
        Projection("documents", "document", "supabase", "core", ("store_document",)),
        Projection(
            "prescriptions",
            "prescription",
            "core",
            "supabase",
            ("copy_prescription_pdf", "mirror_prescription", "index_prescription"),
            ids.prescription_document_id,
        ),
        Projection("profiles", "user", "firestore/users", "core", ("store_profile",), listed=True),
        Projection("doctors", "user", "firestore/doctors", "core", ("store_doctor",), listed=True),
        Projection(
            "appointments", "appointment", "core", "firestore", ("show_appointment",), listed=True
        ),
    )
}


def hash64(text: str) -> int:
    """Return the signed 64-bit hash of a text: `sync.hash64`."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], signed=True)


def bucket(key: str, buckets: int) -> int:
    """Return the bucket of a key: `sync.bucket`."""
    return (hash64(key) & (2**63 - 1)) % buckets


def buckets_for(rows: int) -> int:
    """Return into how many buckets to sort so many rows."""
    return min(max(rows // _ROWS_PER_BUCKET, 16), _MOST_BUCKETS)


def account_row(account: Account) -> Row:
    """Return an account's row of the projection `users`: what core should have made of it."""
    admitted = account.claims.get("role") == "authenticated"
    fields = [account.email, account.phone, account.verified, admitted, True]
    return canonical_row(account.uid, account.uid, fields)


def mirror_digest(document: Document) -> int:
    """Return the hash of what a mirror shows and core has no column for."""
    shown = [document.file_url, document.text, document.revoked]
    return hash64(json.dumps(shown, ensure_ascii=False))


def canonical_row(entity: str, key: str, fields: Sequence[object]) -> Row:
    """Return the row whose canonical text is the key and fields of text, truth or lists of text."""
    return Row(entity, key, hash64(json.dumps([key, *fields], ensure_ascii=False)))
