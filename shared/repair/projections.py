"""
What must agree between the stores, and how it is digested.

A projection is written alike by both of its sides: in SQL as a function sync.projection_NAME of
that store's migrations, for Firebase accounts here and for Firestore in projected_documents.py. A
row's canonical text is its key and fields with a separator between them; its hash is the first 64
bits of the text's MD5, its bucket the first 16 bits of the key's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from shared import ids

if TYPE_CHECKING:
    from uuid import UUID

    from shared.models.documents import Document
    from shared.models.users import Account

# 100 differences are in at most 100 buckets: of 1,000,000 rows, 1,500 are read. Empty buckets cost
# nothing.
BUCKETS = 65_536
_SEPARATOR, _MISSING = "\x1f", "\x1e"


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
    return int.from_bytes(_md5(text)[:8], signed=True)


def bucket(key: str) -> int:
    """Return the bucket of a key, below BUCKETS: `sync.bucket`."""
    return int.from_bytes(_md5(key)[:2])


def canonical(fields: Iterable[object]) -> str:
    """
    Return fields of text, truth, numbers, lists of text or None as PostgreSQL's concat_ws writes
    them. A text with a separator in it, on one side only, has one too many: it is seen.
    """
    return _SEPARATOR.join(map(_written, fields))


def canonical_row(entity: str, key: str, fields: Sequence[object]) -> Row:
    """Return the row of a key and its fields."""
    return Row(entity, key, hash64(canonical([key, *fields])))


def account_row(account: Account) -> Row:
    """Return an account's row of the projection `users`: what core should have made of it."""
    admitted = account.claims.get("role") == "authenticated"
    fields = [account.email, account.phone, account.verified, admitted, True]
    return canonical_row(account.uid, account.uid, fields)


def mirror_digest(document: Document) -> int:
    """Return the hash of what a mirror shows and core has no column for."""
    return hash64(canonical([document.file_url, document.text, document.revoked]))


def _md5(text: str) -> bytes:
    return hashlib.md5(text.encode(), usedforsecurity=False).digest()


def _written(field: object) -> str:
    if isinstance(field, str):
        return field
    if field is None:
        return _MISSING
    if isinstance(field, bool):
        return "t" if field else "f"
    if isinstance(field, int | float):
        return str(field)
    return ",".join(cast("Iterable[str]", field))
