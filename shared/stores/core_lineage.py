"""What core knows of one entity, one trace or one patient: standing and history, no content."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import datetime

    from shared.stores.core import CoreDatabase, Row

_ENTITY = """
with owner as (
  select case %(kind)s
    when 'user' then %(key)s::text
    when 'document' then (select u.firebase_uid from documents d
      join patients p on p.id = d.patient_id join users u on u.id = p.user_id where d.id = %(key)s)
    when 'appointment' then (select u.firebase_uid from appointments a
      join patients p on p.id = a.patient_id join users u on u.id = p.user_id where a.id = %(key)s)
    when 'prescription' then (select u.firebase_uid from prescriptions r
      join appointments a on a.id = r.appointment_id
      join patients p on p.id = a.patient_id join users u on u.id = p.user_id where r.id = %(key)s)
  end as uid
)
select o.uid as owner,
  (select jsonb_build_object('version', b.version, 'deleted', b.deleted,
     'changed_at', b.changed_at, 'sent_at', b.sent_at)
   from sync.outbox b where b.kind = %(kind)s and b.key = %(key)s) as outbox,
  (select coalesce(jsonb_agg(jsonb_build_object('step', l.step, 'state', l.state,
     'version', l.source_version, 'seen_version', l.seen_version, 'code', l.error_code,
     'attempts', l.attempts, 'updated_at', l.updated_at, 'next_retry_at', l.next_retry_at,
     'trace_id', l.trace_id) order by l.updated_at, l.step), '[]')
   from sync.ledger l where l.kind = %(kind)s and l.key = %(key)s) as steps,
  (select coalesce(jsonb_agg(jsonb_build_object('step', a.step, 'origin', a.origin,
     'since', a.since) order by a.step), '[]')
   from sync.awaited a where a.kind = %(kind)s and a.key = %(key)s) as awaited,
  (select coalesce(jsonb_agg(to_jsonb(j) - 'kind' - 'key' order by j.id), '[]') from (
     select * from sync.journal where kind = %(kind)s and key = %(key)s
     order by id desc limit %(limit)s) j) as journal,
  (select coalesce(jsonb_agg(m.id order by m.id), '[]') from medications m
   where case %(kind)s when 'document' then m.document_id = %(key)s
         when 'prescription' then m.prescription_id = %(key)s else false end) as medications,
  (select coalesce(jsonb_agg(jsonb_build_object('version', n.version, 'what', n.what,
     'state', n.state, 'code', n.code, 'at', coalesce(n.settled_at, n.created_at))
     order by n.version), '[]')
   from sync.notifications n where n.kind = %(kind)s and n.key = %(key)s) as notifications,
  (select count(*) from sync.pdf_copies c where %(kind)s = 'prescription'
     and c.prescription_id = %(key)s and c.sha256 is not null) as pdfs,
  (select u.id from users u where %(kind)s = 'user' and u.firebase_uid = %(key)s) as user_id
from owner o
"""

_OF_MEDICATION = """
select case when m.document_id is not null then 'document' else 'prescription' end as kind,
       coalesce(m.document_id, m.prescription_id) as key
from medications m where m.id = %(id)s and coalesce(m.document_id, m.prescription_id) is not null
"""
_OF_NOTIFICATION = """
select n.metadata ->> 'kind' as kind, n.metadata ->> 'id' as key from notifications n
where n.id = %(id)s and n.metadata ->> 'id' is not null
"""
_PRESCRIPTIONS = "select key from sync.patient_entities(%(uid)s) where kind = 'prescription'"

_TRACE = """
select id, at, kind, key, step, source_version, state, error_code, trace_id, revision
from sync.journal where trace_id = %(trace_id)s order by id limit %(limit)s
"""

# A patient by any of the ids that they have: Firebase's, core's user or core's patient. Each is
# looked up by its own index: a condition on both tables at once would read them as a whole.
_PATIENT = """
with account as (
  select u.id from users u where u.firebase_uid = %(id)s or u.id = %(id)s
  union
  select p.user_id from patients p where p.id = %(id)s
)
select u.firebase_uid as uid, u.id, u.role::text as role, u.verified, u.created_at,
       u.email is not null as has_email, u.phone is not null as has_phone, p.id as patient_id,
       r.version as profile_version, r.review_reasons, r.held
from account join users u on u.id = account.id left join patients p on p.user_id = u.id
left join sync.profile_readings r on r.uid = u.firebase_uid
order by u.firebase_uid = %(id)s desc limit 1
"""
_HISTORY = """
with entity as (
  select kind, key from sync.patient_entities(%(uid)s)
  union select 'document', unnest(%(documents)s::text[])
)
select
  (select coalesce(jsonb_agg(to_jsonb(j) order by j.id desc), '[]') from (
     select j.* from entity e
     cross join lateral (select * from sync.journal s where s.kind = e.kind and s.key = e.key
       order by s.id desc limit %(limit)s) j
     order by j.id desc limit %(limit)s) j) as journal,
  (select coalesce(jsonb_agg(jsonb_build_object('kind', l.kind, 'key', l.key, 'step', l.step,
     'state', l.state, 'version', l.source_version, 'code', l.error_code,
     'updated_at', l.updated_at, 'next_retry_at', l.next_retry_at)
     order by l.kind, l.key, l.updated_at), '[]')
   from sync.ledger l join entity e on e.kind = l.kind and e.key = l.key) as ledger
"""
_MEETS = """
select exists (
  select from appointments a
  join doctors d on d.id = a.doctor_id join users du on du.id = d.user_id
  join patients p on p.id = a.patient_id join users pu on pu.id = p.user_id
  where du.firebase_uid = %(doctor)s and pu.firebase_uid = %(patient)s
    and du.role::text = 'DOCTOR'
    and a.status::text not in ('HOLD', 'CANCELLED')
) as meets
"""
_MOST = 500


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the journal: what one step made of one entity, when, in which version of itself."""

    id: int
    at: datetime
    kind: str
    key: str
    step: str
    source_version: int
    state: str
    error_code: str | None
    trace_id: str | None
    revision: str


class CoreLineage:
    """Reads history. Raises TransientError when core cannot be reached."""

    def __init__(self, core: CoreDatabase) -> None:
        self._core = core

    def entity(self, kind: str, key: str) -> Row:
        """Return the columns of _ENTITY; empty ones for an entity that core does not know."""
        return self._core.read(_ENTITY, {"kind": kind, "key": key, "limit": _MOST})[0]

    def source_of(self, what: str, key: str) -> tuple[str, str] | None:
        """Return kind and key of what a medication or a notification was made from."""
        query = _OF_MEDICATION if what == "medication" else _OF_NOTIFICATION
        rows = self._core.read(query, {"id": key})
        return (rows[0]["kind"], rows[0]["key"]) if rows else None

    def prescriptions_of(self, uid: str) -> list[str]:
        """Return the ids of a patient's prescriptions."""
        return [row["key"] for row in self._core.read(_PRESCRIPTIONS, {"uid": uid})]

    def trace(self, trace_id: str) -> list[Entry]:
        """Return what happened under a trace, in order."""
        rows = self._core.read(_TRACE, {"trace_id": trace_id, "limit": _MOST})
        return [Entry(**row) for row in rows]

    def patient(self, any_id: str) -> Row | None:
        """Return the columns of _PATIENT."""
        rows = self._core.read(_PATIENT, {"id": any_id})
        return rows[0] if rows else None

    def history(self, uid: str, documents: Sequence[str], limit: int) -> dict[str, Any]:
        """Return the newest journal lines and all ledger rows of a patient's entities."""
        values = {"uid": uid, "documents": list(documents), "limit": limit}
        return self._core.read(_HISTORY, values)[0]

    def meets(self, doctor: str, patient: str) -> bool:
        """Tell whether a doctor has or had an appointment with a patient, by uids."""
        return self._core.read(_MEETS, {"doctor": doctor, "patient": patient})[0]["meets"]
