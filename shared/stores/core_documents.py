"""Core `documents` with their `medications`: one aggregate, written by one statement."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

from shared.events import Ref
from shared.medications import Medication
from shared.models import StoredDocument
from shared.outcomes import Outcome
from shared.stores.ledger import context

if TYPE_CHECKING:
    from shared.runner import Batch
    from shared.stores.core import CoreDatabase

# An older version than the stored one is no news; nor is one older than what was parked: once it is
# written, the ledger would say "done" and forget that the newer one could not be stored.
#
# A document's set of medications is replaced as a whole. Their ids say which medicine a row is, so
# an unchanged row keeps its start date and reminders, a changed frequency or a reading in doubt
# switches reminders off, and a medicine that is no longer read goes. jsonb_populate_recordset casts
# to the backend's own column types, native enums included. The digest is sync.medication_digest's,
# written out: to make an object of every row first takes half of this statement's time.
_STORE = """
with given as (
  select * from jsonb_to_recordset(%(documents)s)
    as g(id text, uid text, version bigint, code text)
), typed as (
  select * from jsonb_populate_recordset(null::documents, %(documents)s)
), fresh as (
  select g.* from given g
  left join sync.ledger l on l.kind = 'document' and l.key = g.id and l.step = %(step)s
  where coalesce(l.source_version, 0) <= g.version
    and not coalesce(l.state = 'parked' and l.seen_version > g.version, false)
), homed as (
  select f.*, p.id as patient from fresh f
  join users u on u.firebase_uid = f.uid join patients p on p.user_id = u.id
), document as (
  insert into documents as d
    (id, patient_id, type, file_url, text, structured_json, ocr_confidence, created_at)
  select h.id, h.patient, t.type, t.file_url, t.text, t.structured_json, t.ocr_confidence,
         t.created_at
  from homed h join typed t on t.id = h.id order by h.id
  on conflict (id) do update set
    patient_id = excluded.patient_id, type = excluded.type, file_url = excluded.file_url,
    text = excluded.text, structured_json = excluded.structured_json,
    ocr_confidence = excluded.ocr_confidence, created_at = excluded.created_at
), medicine as (
  select m.*, r.needs_review, r.position, r.raw, r.confidence, r.frequency_code,
         r.strength_value, r.strength_unit, r.review_reasons, h.patient
  from jsonb_populate_recordset(null::medications, %(medications)s) m
  join jsonb_to_recordset(%(medications)s) as r(id text, position integer, raw text,
    confidence numeric, frequency_code text, strength_value numeric, strength_unit text,
    needs_review boolean, review_reasons text[]) on r.id = m.id
  join homed h on h.id = m.document_id
), dropped as (
  delete from medications m using homed h
  where m.document_id = h.id and not exists (select from medicine n where n.id = m.id)
), forgotten as (
  delete from sync.medication_readings r using homed h
  where r.document_id = h.id and not exists (select from medicine n where n.id = r.medication_id)
), medication as (
  insert into medications as m (id, patient_id, document_id, name, strength, form, frequency, route,
    duration_days, start_date, reminders_enabled)
  select id, patient, document_id, name, strength, form, frequency, route, duration_days,
         now() at time zone 'utc', false
  from medicine order by id
  on conflict (id) do update set
    patient_id = excluded.patient_id, name = excluded.name, strength = excluded.strength,
    form = excluded.form, frequency = excluded.frequency, route = excluded.route,
    duration_days = excluded.duration_days,
    reminders_enabled = m.reminders_enabled and m.frequency is not distinct from excluded.frequency
      and not (select n.needs_review from medicine n where n.id = excluded.id)
), reading as (
  insert into sync.medication_readings as r (medication_id, document_id, position, raw, confidence,
    frequency_code, strength_value, strength_unit, digest, needs_review, review_reasons)
  select id, document_id, position, raw, confidence, frequency_code, strength_value, strength_unit,
         sync.hash64(
           jsonb_build_array(name, strength, form, frequency, route, duration_days)::text),
         needs_review, coalesce(review_reasons, '{}')
  from medicine order by id
  on conflict (medication_id) do update set
    document_id = excluded.document_id, position = excluded.position, raw = excluded.raw,
    confidence = excluded.confidence, frequency_code = excluded.frequency_code,
    strength_value = excluded.strength_value, strength_unit = excluded.strength_unit,
    digest = excluded.digest, needs_review = excluded.needs_review,
    review_reasons = excluded.review_reasons
), outcome as (
  select f.id, f.version, case when h.id is not null then 'done' when e.key is not null then 'gone'
              else 'retrying' end as state,
         case when h.id is not null then f.code when e.key is not null then 'patient_erased'
              else 'patient_not_in_core' end as code
  from fresh f left join homed h on h.id = f.id
  left join lateral sync.buried(jsonb_build_array(
    jsonb_build_object('kind', 'user', 'key', f.uid))) e on h.id is null
), recorded as (
  select sync.record(%(step)s, %(trace)s, %(revision)s, coalesce((select jsonb_agg(
    jsonb_build_object('kind', 'document', 'key', id, 'version', version, 'state', state,
      'code', code)) from outcome), '[]'))
)
select o.id, o.state, o.code from outcome o cross join recorded
"""

_REMOVE = """
with given as (
  select * from jsonb_to_recordset(%(documents)s) as g(id text, version bigint)
), fresh as (
  select g.* from given g
  left join sync.ledger l on l.kind = 'document' and l.key = g.id and l.step = %(step)s
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

    def store(self, batch: Batch, documents: Sequence[StoredDocument]) -> list[Outcome]:
        """
        Write documents with their medications; return the outcomes, which are in the ledger.

        A document whose patient core does not know yet is "retrying", one whose patient was erased
        "gone"; one that core has in a newer
        version, or that was parked in a newer version, is left as it is, and done.
        """
        rows = self._core.write(
            _STORE,
            context(batch)
            | {
                "documents": Jsonb([_document(d) for d in documents]),
                "medications": Jsonb(
                    [_medication(d, i, m) for d in documents for i, m in d.medications]
                ),
            },
            lock=[f"document/{d.document.id}" for d in documents],
        )
        news = {row["id"]: (row["state"], row["code"]) for row in rows}
        return [
            Outcome(
                Ref("document", d.document.id, d.document.version),
                *news.get(d.document.id, ("done", None)),
            )
            for d in documents
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
