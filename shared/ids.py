"""
Deterministic ids: the same source entity always gets the same id in every store, so that a
repeated write meets its own row instead of making a second one.

The namespace is a secret setting: a uuid5 of a known uid under a known namespace is guessable.
"""

from __future__ import annotations

from hashlib import sha1
from uuid import UUID


def uuid5(namespace: UUID, name: str) -> str:
    """
    Return RFC 9562's version 5 of a UUID, as text. The standard library makes an object first, on
    the way there, and takes three times as long; a batch of documents needs thousands.
    """
    digest = bytearray(sha1(namespace.bytes + name.encode(), usedforsecurity=False).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x50
    digest[8] = digest[8] & 0x3F | 0x80
    text = digest.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def is_uuid(text: str) -> bool:
    """Tell whether a text is a UUID in the form that the stores write."""
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False


def user_id(namespace: UUID, uid: str) -> str:
    """Return the id of a Firebase user in core `users` and in Supabase auth."""
    return uuid5(namespace, f"user/{uid}")


def patient_id(namespace: UUID, uid: str) -> str:
    """Return the id of a Firebase user's row in core `patients`."""
    return uuid5(namespace, f"patient/{uid}")


def doctor_id(namespace: UUID, uid: str) -> str:
    """Return the id of a Firebase user's row in core `doctors`."""
    return uuid5(namespace, f"doctor/{uid}")


def prescription_document_id(namespace: UUID, prescription: str) -> str:
    """Return the id of the Supabase document that mirrors a core prescription."""
    return uuid5(namespace, f"prescription/{prescription}")


def folder(bucket: str, uid: str) -> str | None:
    """
    Return a patient's folder in Storage, bucket/<uid>/; None for a uid that cannot have one. The
    same in SQL: shared/stores/core_pdf_copies.py.
    """
    return None if "/" in uid or uid in {"", ".", ".."} else f"{bucket}/{uid}/"


def canary_document_id(namespace: UUID) -> str:
    """Return the id of the canary's Supabase document."""
    return uuid5(namespace, "canary/document")


def medication_id(namespace: UUID, document: str, identity: str, ordinal: int) -> str:
    """
    Return the id of one medication of a document.

    Keyed by what the medicine is and not by its place in the list: when a corrected reading puts
    another medicine in the same place, the old row goes and its reminders go with it.
    """
    return uuid5(namespace, f"medication/{document}/{identity}/{ordinal}")


def chunk_id(namespace: UUID, document: str, model: str, index: int) -> str:
    """Return the id of one search chunk of a document under one embedding model."""
    return uuid5(namespace, f"chunk/{document}/{model}/{index}")


def notification_id(namespace: UUID, kind: str, key: str, version: int) -> str:
    """
    Return the id of what a patient is told about an entity as of one version: of the inbox
    document, of core's `notifications` row, and under which a device shows it.
    """
    return uuid5(namespace, f"notification/{kind}/{key}/{version}")
