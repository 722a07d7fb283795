"""
Write an uploaded document's metadata and medications to core.

On:         document-changed
Does:       reads the documents from Supabase; writes `documents` (same id, core's patient id) and
            the whole set of `medications`, as one statement; a deleted document goes with its
            medications, the links of what told of it, and its file in Storage
Emits:      document-stored, also for what was deleted: notes in inboxes lead to it
Safe twice: deterministic ids, the set is replaced as a whole, guarded by the document's version
Gives up:   the document can never be stored (type, owner or structured_json unreadable): parked.
            A patient whom core does not know yet is waited for
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

from shared import settings
from shared.errors import PermanentError
from shared.events import Ref
from shared.outcomes import Outcome, Outcomes, failed, gone
from shared.papers.document_files import Files, Removals, delete_files
from shared.papers.document_reading import store_form
from shared.runtime import core_first, step

if TYPE_CHECKING:
    from uuid import UUID

    from shared.clients import Clients
    from shared.models.documents import Document, StoredDocument
    from shared.runner import Batch


class Uploads(Removals, Protocol):
    """Supabase documents."""

    def read(self, ids: Sequence[str]) -> dict[str, Document]: ...

    def deleted(self, ids: Sequence[str]) -> dict[str, int]: ...


class Documents(Protocol):
    """Core documents."""

    def store(self, batch: Batch, documents: Iterable[StoredDocument]) -> list[Outcome]: ...

    def remove(self, batch: Batch, refs: Sequence[Ref]) -> list[Outcome]: ...


def store_documents(
    batch: Batch, *, uploads: Uploads, documents: Documents, files: Files, namespace: UUID
) -> Outcomes:
    """Store the documents of a batch: one read of Supabase and one write of core."""
    read = uploads.read([ref.key for ref in batch.refs])
    # The backend's own webhook may announce any document: a mirror is core's already.
    found = {key: document for key, document in read.items() if document.origin == "upload"}
    unreadable: list[Outcome] = []
    stored = documents.store(batch, _readable(found.values(), namespace, unreadable))
    missing = [ref for ref in batch.refs if ref.key not in found]
    removed = _remove(batch, missing, uploads, documents, files) if missing else Outcomes()
    return Outcomes([*stored, *removed.recorded], [*unreadable, *removed.unrecorded])


def _readable(
    uploads: Iterable[Document], namespace: UUID, unreadable: list[Outcome]
) -> Iterator[StoredDocument]:
    """Yield what can be stored, read as the store takes it; keep the outcomes of the others."""
    for upload in uploads:
        try:
            yield store_form(upload, namespace)
        except PermanentError as error:
            unreadable.append(failed(Ref("document", upload.id, upload.version), error))


def _remove(
    batch: Batch, missing: Sequence[Ref], uploads: Uploads, documents: Documents, files: Files
) -> Outcomes:
    """Remove what the source says it deleted; what is merely absent is left alone."""
    deleted = uploads.deleted([ref.key for ref in missing])
    refs = [Ref(ref.kind, ref.key, deleted[ref.key]) for ref in missing if ref.key in deleted]
    vanished = [gone(ref) for ref in missing if ref.key not in deleted]
    if not refs:
        return Outcomes(unrecorded=vanished)
    removed = documents.remove(batch, refs)
    waiting = delete_files(refs, uploads, files)
    kept = {outcome.ref for outcome in waiting}
    return Outcomes([o for o in removed if o.ref not in kept], [*vanished, *waiting])


@step
@core_first
def store_document(batch: Batch, to: Clients) -> Outcomes:
    """Entry point: see the card above."""
    return store_documents(
        batch,
        uploads=to.supabase_documents,
        documents=to.core_documents,
        files=to.storage,
        namespace=settings.id_namespace(),
    )
