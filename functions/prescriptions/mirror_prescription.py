"""
Mirror a core prescription as a Supabase document of the patient.

On:         prescription-pdf-copied
Does:       writes the document (type prescription, readable text, the summary as structured_json)
            under an id derived from the prescription's, with the copy of its PDF as the file; marks
            a revoked one, which takes it from patient and search; removes a deleted one
Emits:      prescription-mirrored, also for what was revoked or deleted: notes lead to it
Safe twice: upsert by id, guarded by core's version; the document is marked as core's, so it does
            not come back as an upload; after writing, a source that moved is read again
Gives up:   never; a patient without a Firebase sign-in has nothing to show it to: what was mirrored
            for whoever had it before is removed
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from shared import ids, settings
from shared.events import Ref
from shared.models.documents import Document
from shared.outcomes import Outcome, Outcomes, done, gone
from shared.papers.prescription_text import readable
from shared.recheck import Ledger, until_still
from shared.repair.projections import mirror_digest
from shared.runtime import core_first, step

if TYPE_CHECKING:
    from uuid import UUID

    from shared.clients import Clients
    from shared.models.prescriptions import Prescription
    from shared.runner import Batch


class Prescriptions(Protocol):
    """Core prescriptions."""

    def read(self, ids: Sequence[str]) -> dict[str, Prescription]: ...


class Mirrors(Protocol):
    """Supabase documents."""

    def mirror(self, documents: Sequence[Document]) -> None: ...

    def unmirror(self, versions: dict[str, int]) -> None: ...


def mirror_prescriptions(
    batch: Batch, *, prescriptions: Prescriptions, mirrors: Mirrors, ledger: Ledger, namespace: UUID
) -> Outcomes:
    """Mirror the prescriptions of a batch; again for those that changed meanwhile."""
    return until_still(batch, lambda refs: _mirror(refs, prescriptions, mirrors, namespace), ledger)


def _mirror(
    refs: Sequence[Ref], prescriptions: Prescriptions, mirrors: Mirrors, namespace: UUID
) -> list[Outcome]:
    found = prescriptions.read([ref.key for ref in refs])
    documents = [
        _document(source, source.uid, namespace) for source in found.values() if source.uid
    ]
    if documents:
        mirrors.mirror(documents)
    # One without sign-in may have been another's before, or have had one.
    nobodys = {
        ids.prescription_document_id(namespace, ref.key): source.version if source else ref.version
        for ref in refs
        for source in [found.get(ref.key)]
        if source is None or not source.uid
    }
    if nobodys:
        mirrors.unmirror(nobodys)
    digests = {document.id: mirror_digest(document) for document in documents}
    return [
        replace(
            _outcome(ref, found.get(ref.key)),
            digest=digests.get(ids.prescription_document_id(namespace, ref.key)),
        )
        for ref in refs
    ]


def _outcome(ref: Ref, source: Prescription | None) -> Outcome:
    if source is None:
        return replace(gone(ref), passed_on=True)
    if not source.uid:
        return Outcome(Ref(ref.kind, ref.key, source.version), "gone", "patient_without_sign_in")
    if source.revoked:
        ref = Ref(ref.kind, ref.key, source.version)
        return Outcome(ref, "gone", "prescription_revoked", passed_on=True)
    return done(ref, source.version)


def _document(source: Prescription, uid: str, namespace: UUID) -> Document:
    return Document(
        id=ids.prescription_document_id(namespace, source.id),
        patient_uid=uid,
        type="prescription",
        file_url=source.file_url,
        text=readable(source),
        structured=source.summary,
        confidence=1.0,
        created_at=source.created_at,
        version=source.version,
        revoked=source.revoked,
        origin="core",
    )


@step
@core_first
def mirror_prescription(batch: Batch, to: Clients) -> Outcomes:
    """Entry point: see the card above."""
    return mirror_prescriptions(
        batch,
        prescriptions=to.core_prescriptions,
        mirrors=to.supabase_documents,
        ledger=to.ledger,
        namespace=settings.id_namespace(),
    )
