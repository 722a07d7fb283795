"""Uploads and what becomes of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from shared.medications import Medication  # its readers' vocabularies take 10 ms to make


@dataclass(frozen=True, slots=True)
class Document:
    """
    A Supabase document. `created_at` is ISO 8601 with a zone; `structured` as stored; `origin` is
    upload, or core for the mirror of a prescription.
    """

    id: str
    patient_uid: str
    type: str | None
    file_url: str | None
    text: str | None
    structured: Any
    confidence: float | None
    created_at: str
    version: int
    revoked: bool = False
    origin: str = "upload"


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """
    A document as it goes to core, with its named medications as one aggregate. `code` flags what
    was left out of it.
    """

    document: Document
    core_type: str
    medications: tuple[tuple[str, Medication], ...]
    code: str | None = None


@dataclass(frozen=True, slots=True)
class RemovedFile:
    """
    A file in Storage whose document was deleted. `used` are the addresses of all files of the
    patient's other documents.
    """

    document: str
    patient_uid: str
    file_url: str
    used: tuple[str, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class Chunk:
    """One search chunk. `embedding` is None where the stored one is kept: its text is unchanged."""

    id: str
    index: int
    text: str
    hash: str
    metadata: dict[str, Any]
    embedding: list[float] | None = None
