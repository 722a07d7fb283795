"""
Copy a prescription's PDF from the backend's S3 to where the patient may read it.

On:         prescription-changed
Does:       hides revoked and deleted prescriptions, and those that were another patient's, from
            patient and search, before anything else outside core; streams the PDF to
            <uid>/prescriptions/<id>.pdf in Supabase Storage; removes the copy of what was revoked
            or deleted, or has no PDF any more; unlinks what told of a deleted one
Emits:      prescription-pdf-copied, also for what was deleted: the mirror is still to be removed
Safe twice: an unchanged source is not copied again; a file is visible only when complete; every
            path is on record before it is written; a source that moved is copied again
Gives up:   a URL that is none, or names a bucket or host not on the list: parked. A PDF that is not
            there: goes on without file, flagged pdf_missing. No right to read it: waits for us
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from shared import ids, settings
from shared.papers.pdf_copying import Files, Sources, bring_up_to_date
from shared.recheck import Recorded, until_still_as_recorded
from shared.runtime import core_first, step

if TYPE_CHECKING:
    from uuid import UUID

    from shared.clients import Clients
    from shared.events import Ref
    from shared.models.prescriptions import PdfCopy, PdfWork
    from shared.outcomes import Outcome, Outcomes
    from shared.runner import Batch


class Copies(Protocol):
    """Core's prescriptions as far as their PDFs go, and its record of copies."""

    def open(self, ids: Sequence[str], bucket: str) -> dict[str, PdfWork]: ...

    def settle(
        self, batch: Batch, outcomes: Sequence[Outcome], copies: Sequence[PdfCopy]
    ) -> Recorded: ...


class Mirrors(Protocol):
    """Supabase documents."""

    def hide(self, versions: dict[str, int]) -> None: ...


def copy_pdfs(
    batch: Batch,
    *,
    copies: Copies,
    mirrors: Mirrors,
    sources: Sources,
    files: Files,
    namespace: UUID,
) -> Outcomes:
    """Copy the PDFs of a batch; again for the prescriptions that changed meanwhile."""

    def write(refs: Sequence[Ref]) -> Recorded:
        found = copies.open([ref.key for ref in refs], files.bucket)
        work = [(_as_read(ref, found[ref.key]), found[ref.key]) for ref in refs]
        hidden = {
            ids.prescription_document_id(namespace, ref.key): ref.version
            for ref, item in work
            if item.version is None or item.revoked or item.was_anothers
        }
        if hidden:
            mirrors.hide(hidden)
        results = bring_up_to_date(work, sources, files)
        changed = [copy for result in results for copy in result.changed]
        return copies.settle(batch, [result.outcome for result in results], changed)

    return until_still_as_recorded(batch, write)


def _as_read(ref: Ref, item: PdfWork) -> Ref:
    return ref if item.version is None else replace(ref, version=item.version)


@step
@core_first
def copy_prescription_pdf(batch: Batch, to: Clients) -> Outcomes:
    """Entry point: see the card above."""
    return copy_pdfs(
        batch,
        copies=to.core_pdf_copies,
        mirrors=to.supabase_documents,
        sources=to.pdf_sources,
        files=to.storage,
        namespace=settings.id_namespace(),
    )
