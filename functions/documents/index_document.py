"""
Make an uploaded document searchable.

On:         document-stored
Does:       splits the document's text into chunks, embeds those whose text changed, swaps the
            document's chunks as a whole; leaves alone what the edge function has fully indexed
Emits:      nothing, the chain's end
Safe twice: deterministic chunk ids and content hashes; the swap holds the document's row and is
            refused when the document moved since it was read
Gives up:   the provider refuses the text: that document is parked
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

from shared import settings
from shared.errors import SyncError
from shared.outcomes import Outcome, Outcomes, done, failed, gone
from shared.papers.document_types import TYPES
from shared.runtime import step
from shared.search.indexing import Became, Documents, index

if TYPE_CHECKING:
    from uuid import UUID

    from shared.clients import Clients
    from shared.events import Ref
    from shared.runner import Batch
    from shared.search.embedding import Embedder
    from shared.stores.supabase_documents import Indexable

_CLINICIAN = ("doctor", "doctor_name", "doctorName", "clinician")


def index_documents(
    batch: Batch, *, documents: Documents, embedder: Embedder, namespace: UUID
) -> Outcomes:
    """Index the uploads of the batch, all in one set of embedding requests."""
    keys = [ref.key for ref in batch.refs]
    became = index(keys, metadata, documents=documents, embedder=embedder, namespace=namespace)
    return Outcomes(unrecorded=[_outcome(ref, became[ref.key]) for ref in batch.refs])


def _outcome(ref: Ref, became: Became) -> Outcome:
    if isinstance(became, SyncError):
        return failed(ref, became)
    return gone(ref) if became == "gone" else done(ref)


def metadata(document: Indexable) -> dict[str, Any]:
    """Return what every chunk says about its document; what is not known is left out."""
    kind = (document.type or "").strip().lower()
    known = {
        "source": "upload",
        "type": TYPES.get(kind, kind).lower() or None,
        "date": document.created_at[:10],
        "clinician": _clinician(document.structured),
    }
    return {key: value for key, value in known.items() if value}


def _clinician(structured: object) -> str | None:
    """Return the doctor's name if the OCR found one."""
    if isinstance(structured, str):
        try:
            structured = json.loads(structured)
        except (ValueError, RecursionError):
            return None
    if not isinstance(structured, dict):
        return None
    fields = cast("dict[str, Any]", structured)
    named = [fields[key] for key in _CLINICIAN if isinstance(fields.get(key), str)]
    return next((name.strip() for name in named if name.strip()), None)


@step
def index_document(batch: Batch, to: Clients) -> Outcomes:
    """Entry point: see the card above."""
    return index_documents(
        batch,
        documents=to.supabase_documents,
        embedder=to.embedder,
        namespace=settings.id_namespace(),
    )
