"""
Make a mirrored prescription searchable.

On:         prescription-mirrored
Does:       splits the mirror's text into chunks, embeds those whose text changed, swaps the
            document's chunks as a whole
Emits:      prescription-indexed, also for what was revoked or deleted: notes lead to it
Safe twice: deterministic chunk ids and content hashes; the swap holds the document's row and is
            refused when the document moved since it was read
Gives up:   the provider refuses the text: parked
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from shared import ids, settings
from shared.errors import SyncError, TransientError
from shared.events import Ref
from shared.outcomes import Outcome, Outcomes, done, failed, gone
from shared.runtime import core_first, step
from shared.search.indexing import Became, Documents, index

if TYPE_CHECKING:
    from uuid import UUID

    from shared.clients import Clients
    from shared.models.prescriptions import Prescription
    from shared.runner import Batch
    from shared.search.embedding import Embedder


class Prescriptions(Protocol):
    """Core prescriptions."""

    def read(self, ids: Sequence[str]) -> dict[str, Prescription]: ...


def index_prescriptions(
    batch: Batch,
    *,
    prescriptions: Prescriptions,
    documents: Documents,
    embedder: Embedder,
    namespace: UUID,
) -> Outcomes:
    """Index the mirrors of the batch's prescriptions, all in one set of embedding requests."""
    found = prescriptions.read([ref.key for ref in batch.refs])
    document_ids = {key: ids.prescription_document_id(namespace, key) for key in found}
    wanted = {document_ids[key]: _metadata(source) for key, source in found.items()}
    became = index(
        list(wanted),
        lambda document: wanted[document.id],
        documents=documents,
        embedder=embedder,
        namespace=namespace,
    )
    return Outcomes(
        unrecorded=[
            _outcome(ref, found.get(ref.key), became.get(document_ids.get(ref.key, "")))
            for ref in batch.refs
        ]
    )


def _outcome(ref: Ref, source: Prescription | None, became: Became | None) -> Outcome:
    if source is None:
        return replace(gone(ref), passed_on=True)
    if not source.uid:
        return Outcome(Ref(ref.kind, ref.key, source.version), "gone", "patient_without_sign_in")
    if source.revoked:
        ref = Ref(ref.kind, ref.key, source.version)
        return Outcome(ref, "gone", "prescription_revoked", passed_on=True)
    if isinstance(became, SyncError):
        return failed(ref, became)
    if became == "indexed":
        return done(ref, source.version)
    # The mirror is not there: its own event is still on the way, or undid it.
    return failed(ref, TransientError("mirror_missing"))


def _metadata(source: Prescription) -> dict[str, Any]:
    return {
        "source": "prescription",
        "type": "prescription",
        "doctor": source.doctor,
        "date": source.created_at[:10],
        "appointment_id": source.appointment_id,
    }


@step
@core_first
def index_prescription(batch: Batch, to: Clients) -> Outcomes:
    """Entry point: see the card above."""
    return index_prescriptions(
        batch,
        prescriptions=to.core_prescriptions,
        documents=to.supabase_documents,
        embedder=to.embedder,
        namespace=settings.id_namespace(),
    )
