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

from shared.errors import PermanentError, SyncError, TransientError
from shared.models.prescriptions import PdfCopy, PdfWork
from shared.outcomes import Outcome, done, failed
from shared.papers.pdf_stream import PdfMissingError, PdfStream

if TYPE_CHECKING:
    from shared.events import Ref
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
class Result:
    """What became of one prescription, and what has changed at which paths."""

    outcome: Outcome
    changed: list[PdfCopy] = field(default_factory=list[PdfCopy])


def bring_up_to_date(
    work: Sequence[tuple[Ref, PdfWork]], sources: Sources, files: Files
) -> list[Result]:
    """Copy and remove; one result per item, for the ref at the version that was read."""
    deadline = time.monotonic() + _BUDGET_S
    results: list[Result] = []
    for ref, item in work:
        if time.monotonic() > deadline:
            late = TransientError("pdf_copying_out_of_time")
            results.append(Result(failed(ref, late)))
            continue
        try:
            results.append(_one(ref, item, sources, files))
        except SyncError as error:
            results.append(Result(failed(ref, error)))
    return results


def _one(ref: Ref, item: PdfWork, sources: Sources, files: Files) -> Result:
    if item.refused:
        raise PermanentError(item.refused)
    keep = item.wanted.path if item.wanted else None
    stale = [row for row in item.known if row.path != keep]
    if stale:  # also where no copy is on record: one may have been written just before a crash
        files.delete([row.path for row in stale])
    changed = [_emptied(row, ref.version) for row in stale if row.copy_etag]
    if item.wanted is None or item.url is None:
        return Result(done(ref), changed)
    row = next((row for row in item.known if row.path == keep), item.wanted)
    try:
        copy = _copied(item.wanted, item.url, row, sources, files)
    except PdfMissingError as missing:
        files.delete([row.path])
        if row.copy_etag:
            changed.append(_emptied(row, ref.version))
        return Result(done(ref, code=missing.code), changed)
    return Result(done(ref), changed + ([copy] if copy else []))


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
