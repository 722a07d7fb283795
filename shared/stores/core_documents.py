"""Core `documents` with their `medications`: one aggregate, written by one statement."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

from shared.events import Ref
from shared.outcomes import Outcome
from shared.stores.ledger import context

if TYPE_CHECKING:
    from shared.medications import Medication
    from shared.models.documents import StoredDocument
    from shared.runner import Batch
    from shared.stores.core import CoreDatabase

# Medication lines after which a statement is sent. Core writes them while the step reads the next:
# a hundred documents of twenty lines take 0.73 of the time that they take as one statement; 200 to
# 500 are alike. Documents of a few lines, of which there is little to read, travel in one.
_PART = 400

# In the database, where its plan is kept (docs/decisions/0180).
_STORE = """
select id, state, code
from sync.store_documents(%(documents)s, %(medications)s, %(step)s, %(trace)s, %(revision)s)
"""

_REMOVE = """
with given as (
  select * from jsonb_to_recordset(%(documents)s) as g(id text, version bigint)
), fresh as (
  select g.* from given g left join lateral (
    select * from sync.ledger l
    where l.kind = 'document' and l.key = g.id and l.step = %(step)s offset 0
  ) l on true
  where coalesce(l.source_version, 0) <= g.version
    and not coalesce(l.state = 'parked' and l.seen_version > g.version, false)
), medication as (
  delete from medications m using fresh f where m.document_id = f.id
), reading as (
  delete from sync.medication_readings r using fresh f where r.document_id = f.id
), document as (
  delete from documents d using fresh f where d.id = f.id
), unlinked as (
  select sync.unlink_notifications('document', array(select id from fresh))
), recorded as (
  select sync.record(%(step)s, %(trace)s, %(revision)s, coalesce((select jsonb_agg(
    jsonb_build_object('kind', 'document', 'key', id, 'version', version, 'state', 'gone',
      'code', 'source_deleted')) from fresh), '[]'))
)
select * from recorded cross join unlinked
"""


class CoreDocuments:
    """Stores and removes documents. Raises TransientError when core cannot take them now."""

    def __init__(self, core: CoreDatabase) -> None:
        self._core = core

    def store(self, batch: Batch, documents: Iterable[StoredDocument]) -> list[Outcome]:
        """
        Write documents with their medications; return the outcomes, which are in the ledger.

        A document whose patient core does not know yet is "retrying", one whose patient was erased
        "gone"; one that core has in a newer version, or that was parked in a newer version, is left
        as it is, and done. Where `documents` is a generator, core writes the first while the others
        are made.
        """
        handed: list[StoredDocument] = []
        rows = self._core.write_each(
            _STORE,
            (_rows(batch, part) for part in _in_parts(documents, handed)),
            lock=[f"document/{ref.key}" for ref in batch.refs],
        )
        news = {row["id"]: (row["state"], row["code"]) for row in rows}
        return [
            Outcome(
                Ref("document", d.document.id, d.document.version),
                *news.get(d.document.id, ("done", None)),
            )
            for d in handed
        ]

    def remove(self, batch: Batch, refs: Sequence[Ref]) -> list[Outcome]:
        """Remove documents that their source has deleted, with all that hangs on them."""
        self._core.write(
            _REMOVE,
            context(batch)
            | {"documents": Jsonb([{"id": ref.key, "version": ref.version} for ref in refs])},
            lock=[f"document/{ref.key}" for ref in refs],
        )
        return [Outcome(ref, "gone", "source_deleted", passed_on=True) for ref in refs]


def _in_parts(
    documents: Iterable[StoredDocument], handed: list[StoredDocument]
) -> Iterator[list[StoredDocument]]:
    """Yield documents in parts, adding them to those that were handed over."""
    part: list[StoredDocument] = []
    lines = 0
    for document in documents:
        part.append(document)
        handed.append(document)
        lines += len(document.medications)
        if lines >= _PART:
            yield part
            part, lines = [], 0
    if part:
        yield part


def _rows(batch: Batch, documents: Sequence[StoredDocument]) -> dict[str, Any]:
    return {
        **context(batch),
        "documents": Jsonb([_document(d) for d in documents]),
        "medications": Jsonb([_medication(d, i, m) for d in documents for i, m in d.medications]),
    }


def _document(stored: StoredDocument) -> dict[str, Any]:
    document = stored.document
    return {
        "id": document.id,
        "uid": document.patient_uid,
        "version": document.version,
        "code": stored.code,
        "type": stored.core_type,
        "file_url": document.file_url,
        "text": document.text,
        "structured_json": document.structured,
        "ocr_confidence": document.confidence,
        "created_at": utc(document.created_at),
    }


def utc(stamp: str) -> str:
    """Return an ISO 8601 time as UTC without a zone, as Prisma's timestamp(3) columns hold it."""
    return datetime.fromisoformat(stamp).astimezone(UTC).replace(tzinfo=None).isoformat()


def _medication(stored: StoredDocument, medication_id: str, read: Medication) -> dict[str, Any]:
    """Return a row of `medications` and of its reading in one; what is absent is null."""
    row: dict[str, Any] = {
        "id": medication_id,
        "document_id": stored.document.id,
        "position": read.position,
        "name": read.name,
        "form": read.form,
        "route": read.route,
        "needs_review": read.needs_review,
    }
    if read.strength is not None:
        row["strength"] = read.strength
    if read.strength_value is not None:
        row["strength_value"] = str(read.strength_value)
        row["strength_unit"] = read.strength_unit
    if read.frequency is not None:
        row["frequency"] = read.frequency
        row["frequency_code"] = read.frequency_code
    if read.duration_days is not None:
        row["duration_days"] = read.duration_days
    if read.raw is not None:
        row["raw"] = read.raw
    if read.confidence is not None:
        row["confidence"] = str(read.confidence)
    if read.review_reasons:
        row["review_reasons"] = list(read.review_reasons)
    return row
