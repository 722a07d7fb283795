"""
Deterministic ids: the same source entity always gets the same id in every store, so that a
repeated write meets its own row instead of making a second one.

The namespace is a secret setting: a uuid5 of a known uid under a known namespace is guessable.
"""

from __future__ import annotations

from uuid import UUID, uuid5

from shared.errors import PermanentError


def is_uuid(text: str) -> bool:
    """Tell whether a text is a UUID in the form that the stores write."""
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False


def user_id(namespace: UUID, uid: str) -> str:
    """Return the id of a Firebase user in core `users` and in Supabase auth."""
    return str(uuid5(namespace, f"user/{uid}"))


def patient_id(namespace: UUID, uid: str) -> str:
    """Return the id of a Firebase user's row in core `patients`."""
    return str(uuid5(namespace, f"patient/{uid}"))


def doctor_id(namespace: UUID, uid: str) -> str:
    """Return the id of a Firebase user's row in core `doctors`."""
    return str(uuid5(namespace, f"doctor/{uid}"))


def prescription_document_id(namespace: UUID, prescription: str) -> str:
    """Return the id of the Supabase document that mirrors a core prescription."""
    return str(uuid5(namespace, f"prescription/{prescription}"))


def pdf_path(bucket: str, uid: str, prescription: str) -> str:
    """
    Return where in Storage the copy of a prescription's PDF lies: bucket/<uid>/prescriptions/...

    Raise PermanentError (uid_not_a_folder): the first folder says who may read, so it must be one.
    """
    home = folder(bucket, uid)
    if home is None:
        raise PermanentError("uid_not_a_folder")
    return f"{home}prescriptions/{prescription}.pdf"


def folder(bucket: str, uid: str) -> str | None:
    """Return a patient's folder in Storage, bucket/<uid>/; None for a uid that cannot have one."""
    return None if "/" in uid or uid in {"", ".", ".."} else f"{bucket}/{uid}/"


def canary_document_id(namespace: UUID) -> str:
    """Return the id of the canary's Supabase document."""
    return str(uuid5(namespace, "canary/document"))


def medication_id(namespace: UUID, document: str, identity: str, ordinal: int) -> str:
    """
    Return the id of one medication of a document.

    Keyed by what the medicine is and not by its place in the list: when a corrected reading puts
    another medicine in the same place, the old row goes and its reminders go with it.
    """
    return str(uuid5(namespace, f"medication/{document}/{identity}/{ordinal}"))


def chunk_id(namespace: UUID, document: str, model: str, index: int) -> str:
    """Return the id of one search chunk of a document under one embedding model."""
    return str(uuid5(namespace, f"chunk/{document}/{model}/{index}"))


def notification_id(namespace: UUID, kind: str, key: str, version: int) -> str:
    """
    Return the id of what a patient is told about an entity as of one version: of the inbox
    document, of core's `notifications` row, and under which a device shows it.
    """
    return str(uuid5(namespace, f"notification/{kind}/{key}/{version}"))
