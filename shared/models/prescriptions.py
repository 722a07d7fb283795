"""Prescriptions and the copies of their PDFs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Prescription:
    """
    A core prescription with what its mirror shows. `uid` is None without a sign-in; `file_url` is
    where in Storage the copy of its PDF lies, None without a copy.
    """

    id: str
    uid: str | None
    appointment_id: str
    doctor: str
    doctor_id: str
    pdf_url: str | None
    summary: dict[str, Any]
    created_at: str
    version: int
    revoked: bool = False
    file_url: str | None = None


@dataclass(frozen=True, slots=True)
class PdfCopy:
    """
    A path in Storage that may hold the copy of a prescription's PDF, and what it is a copy of.

    `copy_etag` is Storage's tag of the copy, None without one. `source` is a hash of the URL.
    """

    prescription: str
    path: str
    owner: str
    version: int = 0
    source: str | None = None
    source_etag: str | None = None
    size: int | None = None
    sha256: str | None = None
    copy_etag: str | None = None


@dataclass(frozen=True, slots=True)
class PdfWork:
    """
    What is to be done for one prescription's PDF. `version` is None where core does not have the
    prescription. `wanted` says where its copy is to lie and `url` where the PDF comes from, both
    None for no copy; `refused` is the code of why there can never be one. `known` is every path
    that ever was, as it stood before `wanted` was noted.
    """

    key: str
    version: int | None = None
    revoked: bool = False
    wanted: PdfCopy | None = None
    url: str | None = None
    refused: str | None = None
    known: tuple[PdfCopy, ...] = ()

    @property
    def was_anothers(self) -> bool:
        """Tell whether a copy still lies with a patient who does not have the prescription now."""
        wanted = self.wanted
        return wanted is not None and any(
            copy.copy_etag and copy.owner != wanted.owner for copy in self.known
        )
