"""
Copy a prescription's PDF from the backend's S3 to where the patient may read it.

On:         prescription-changed
Does:       hides revoked and deleted prescriptions from patient and search, before anything else;
            streams the PDF to <uid>/prescriptions/<id>.pdf in Supabase Storage; removes the copy of
            what was revoked or deleted, or has no PDF any more; unlinks what told of a deleted one
Emits:      prescription-pdf-copied, also for what was deleted: the mirror is still to be removed
Safe twice: an unchanged source is not copied again; a file is visible only when complete; every
            path is on record before it is written; a source that moved is copied again
Gives up:   a URL that is none, or names a bucket or host not on the list: parked. A PDF that is not
            there: goes on without file, flagged pdf_missing. No right to read it: waits for us
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from shared import ids, settings
from shared.events import Ref
from shared.models.prescriptions import PdfCopy, Prescription
from shared.outcomes import Outcome, Outcomes
from shared.papers.pdf_copying import Files, Result, Sources, Work, bring_up_to_date
from shared.recheck import Ledger, until_still
from shared.runtime import core_first, step

if TYPE_CHECKING:
    from uuid import UUID

    from shared.clients import Clients
    from shared.runner import Batch


class Prescriptions(Protocol):
    """Core prescriptions."""

    def read(self, ids: Sequence[str]) -> dict[str, Prescription]: ...


class Copies(Protocol):
    """Core's record of copies."""

    def open(self, ids: Sequence[str], wanted: Sequence[PdfCopy]) -> list[PdfCopy]: ...

    def note(self, copies: Sequence[PdfCopy]) -> dict[str, int]: ...


class Links(Protocol):
    """Core's links to prescriptions."""

    def remove(self, kind: str, keys: Sequence[str]) -> None: ...


class Mirrors(Protocol):
    """Supabase documents."""

    def hide(self, versions: dict[str, int]) -> None: ...


def copy_pdfs(
    batch: Batch,
    *,
    prescriptions: Prescriptions,
    copies: Copies,
    mirrors: Mirrors,
    links: Links,
    sources: Sources,
    files: Files,
    ledger: Ledger,
    namespace: UUID,
) -> Outcomes:
    """Copy the PDFs of a batch; again for the prescriptions that changed meanwhile."""

    def write(refs: Sequence[Ref]) -> list[Outcome]:
        found = prescriptions.read([ref.key for ref in refs])
        hidden = {
            ids.prescription_document_id(namespace, ref.key): _version(ref, found.get(ref.key))
            for ref in refs
            if ref.key not in found or found[ref.key].revoked
        }
        if hidden:
            mirrors.hide(hidden)
        if deleted := [ref.key for ref in refs if ref.key not in found]:
            links.remove("prescription", deleted)
        return _copy(refs, found, copies, sources, files)

    return until_still(batch, write, ledger)


def _copy(
    refs: Sequence[Ref],
    found: dict[str, Prescription],
    copies: Copies,
    sources: Sources,
    files: Files,
) -> list[Outcome]:
    work = [Work.of(ref, found.get(ref.key), files.bucket) for ref in refs]
    known = copies.open([ref.key for ref in refs], [item.wanted for item in work if item.wanted])
    results = bring_up_to_date(work, known, sources, files)
    changed = [copy for result in results for copy in result.changed]
    moved_to = copies.note(changed) if changed else {}
    return [_outcome(result, moved_to) for result in results]


def _outcome(result: Result, moved_to: dict[str, int]) -> Outcome:
    """Return the outcome at the version that the copy itself gave the prescription."""
    outcome = result.outcome
    version = moved_to.get(outcome.ref.key, outcome.ref.version)
    ref = Ref(outcome.ref.kind, outcome.ref.key, version)
    return Outcome(ref, outcome.state, outcome.code, retry_after=outcome.retry_after)


def _version(ref: Ref, source: Prescription | None) -> int:
    return ref.version if source is None else source.version


@step
@core_first
def copy_prescription_pdf(batch: Batch, to: Clients) -> Outcomes:
    """Entry point: see the card above."""
    return copy_pdfs(
        batch,
        prescriptions=to.core_prescriptions,
        copies=to.core_pdf_copies,
        mirrors=to.supabase_documents,
        links=to.core_links,
        sources=to.pdf_sources,
        files=to.storage,
        ledger=to.ledger,
        namespace=settings.id_namespace(),
    )
