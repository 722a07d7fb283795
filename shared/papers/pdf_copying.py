"""
Bring the copies of prescription PDFs up to date, one after the other: each on its own may fail,
wait or be missing, and the others go on.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

from shared import ids
from shared.errors import PermanentError, SyncError, TransientError
from shared.events import Ref
from shared.models.prescriptions import PdfCopy, Prescription
from shared.outcomes import Outcome, done, failed
from shared.papers.pdf_stream import PdfMissingError, PdfStream

if TYPE_CHECKING:
    from shared.stores.storage import Stored

_BUDGET_S = 200.0  # of the function's 300: what is begun then must still have time to end


class Sources(Protocol):
    """Where PDFs come from."""

    def open(self, url: str, etag: str | None) -> AbstractContextManager[PdfStream | None]: ...


class Files(Protocol):
    """Supabase Storage."""

    @property
    def bucket(self) -> str: ...

    def look(self, path: str) -> Stored | None: ...

    def upload(self, path: str, source: PdfStream) -> Stored: ...

    def delete(self, paths: Sequence[str]) -> None: ...


@dataclass(frozen=True)
class Work:
    """
    One prescription: where its copy should lie and where the PDF comes from, both None for no copy.
    `refused` is why it can never have one.
    """

    ref: Ref
    wanted: PdfCopy | None = None
    url: str | None = None
    refused: PermanentError | None = None

    @classmethod
    def of(cls, ref: Ref, source: Prescription | None, bucket: str) -> Work:
        """Tell what is to be done for a prescription, None for a deleted one."""
        if source is None:
            return cls(ref)
        ref = replace(ref, version=source.version)
        if source.revoked or source.uid is None or not (source.pdf_url or "").strip():
            return cls(ref)
        try:
            path = ids.pdf_path(bucket, source.uid, source.id)
        except PermanentError as error:
            return cls(ref, refused=error)
        return cls(ref, PdfCopy(source.id, path, source.uid, source.version), source.pdf_url)


@dataclass(frozen=True)
class Result:
    """What became of one prescription, and what has changed at which paths."""

    outcome: Outcome
    changed: list[PdfCopy] = field(default_factory=list[PdfCopy])


def bring_up_to_date(
    work: Sequence[Work], known: Sequence[PdfCopy], sources: Sources, files: Files
) -> list[Result]:
    """Copy and remove; one result per item."""
    deadline = time.monotonic() + _BUDGET_S
    results: list[Result] = []
    for item in work:
        rows = [copy for copy in known if copy.prescription == item.ref.key]
        if time.monotonic() > deadline:
            late = TransientError("pdf_copying_out_of_time")
            results.append(Result(failed(item.ref, late)))
            continue
        try:
            results.append(_one(item, rows, sources, files))
        except SyncError as error:
            results.append(Result(failed(item.ref, error)))
    return results


def _one(item: Work, rows: Sequence[PdfCopy], sources: Sources, files: Files) -> Result:
    if item.refused:
        raise item.refused
    keep = item.wanted.path if item.wanted else None
    stale = [row for row in rows if row.path != keep]
    if stale:  # also where no copy is on record: one may have been written just before a crash
        files.delete([row.path for row in stale])
    changed = [_emptied(row, item.ref.version) for row in stale if row.copy_etag]
    if item.wanted is None or item.url is None:
        return Result(done(item.ref), changed)
    row = next((row for row in rows if row.path == keep), item.wanted)
    try:
        copy = _copied(item.wanted, item.url, row, sources, files)
    except PdfMissingError as missing:
        files.delete([row.path])
        if row.copy_etag:
            changed.append(_emptied(row, item.ref.version))
        return Result(done(item.ref, code=missing.code), changed)
    return Result(done(item.ref), changed + ([copy] if copy else []))


def _copied(
    wanted: PdfCopy, url: str, row: PdfCopy, sources: Sources, files: Files
) -> PdfCopy | None:
    """Copy unless the source is unchanged and its copy still lies there; return the new copy."""
    source = hashlib.sha256(url.encode()).hexdigest()
    tag = row.source_etag if row.source == source and row.copy_etag else None
    if tag:
        there = files.look(row.path)
        tag = tag if there and there.etag == row.copy_etag else None
    with sources.open(url, tag) as stream:
        if stream is None:
            return None
        stored = files.upload(wanted.path, stream)
        return replace(
            wanted,
            source=source,
            source_etag=stream.etag,
            size=stored.size,
            sha256=stream.sha256,
            copy_etag=stored.etag,
        )


def _emptied(row: PdfCopy, version: int) -> PdfCopy:
    return PdfCopy(row.prescription, row.path, row.owner, version)
