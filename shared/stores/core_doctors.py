"""Core `doctors` of people who have a doctor's profile in Firestore."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

from shared.outcomes import Conflict, Outcome
from shared.stores.ledger import context

if TYPE_CHECKING:
    from shared.events import Ref
    from shared.models.profiles import DoctorProfile
    from shared.runner import Batch
    from shared.stores.core import CoreDatabase

# The patient row is locked first and judged after: a document or an appointment that another
# transaction is just hanging on it is then seen. Someone whose role core has set to DOCTOR keeps
# the patient row they have: a doctor may be a patient too, but only a person decides so.
# Who is a patient with a doctor's row was a doctor: what core took away, no profile gives back.
# What core has verified stays: verified_status is never written, nor a verified licence replaced.
_STORE = """
with given as (
  select * from jsonb_to_recordset(%(doctors)s)
    as g(uid text, id text, version bigint, license_no text)
), typed as (
  select * from jsonb_populate_recordset(null::doctors, %(doctors)s)
), fresh as (
  select g.* from given g left join lateral (
    select * from sync.ledger l
    where l.kind = 'user' and l.key = g.uid and l.step = %(step)s offset 0  -- see core_documents.py
  ) l on true
  where coalesce(l.source_version, 0) <= g.version
), homed as (
  select f.*, u.id as user_id, u.role::text as role
  from fresh f join users u on u.firebase_uid = f.uid
), held as materialized (
  select p.id, p.user_id from patients p join homed h on h.user_id = p.user_id
  where h.role = 'PATIENT' order by p.id for update of p
), judged as materialized (
  select id, user_id, sync.patient_is_bare(id) as bare from held
), verdict as (
  select h.*, j.id as patient_id,
         h.role = 'DOCTOR'
           or (h.role = 'PATIENT' and coalesce(j.bare, true) and d.id is null) as admitted,
         d.verified_status::text <> 'PENDING' and d.license_no is distinct from h.license_no
           and h.license_no is not null as license_differs
  from homed h left join judged j on j.user_id = h.user_id
  left join doctors d on d.user_id = h.user_id
), dropped as (
  delete from patients p using verdict v where p.id = v.patient_id and v.admitted
), promoted as (
  update users u set role = 'DOCTOR' from verdict v
  where u.id = v.user_id and v.admitted and v.role <> 'DOCTOR'
), doctor as (
  insert into doctors as d (id, user_id, first_name, last_name, specialties, license_no)
  select v.id, v.user_id, t.first_name, t.last_name, t.specialties, t.license_no
  from verdict v join typed t on t.id = v.id where v.admitted order by v.uid
  on conflict (user_id) do update set
    first_name = excluded.first_name, last_name = excluded.last_name,
    specialties = case when excluded.specialties = '{}' then d.specialties
                       else excluded.specialties end,
    license_no = case when d.verified_status::text = 'PENDING'
                      then coalesce(excluded.license_no, d.license_no) else d.license_no end
), outcome as (
  select f.uid, f.version, coalesce(v.patient_id, v.user_id) as other,
         case when v.uid is null then 'retrying' when v.admitted then 'done' else 'conflict' end
           as state,
         case when v.uid is null then 'user_not_in_core' when not v.admitted then 'role_differs'
              when v.license_differs then 'license_differs' end as code
  from fresh f left join verdict v on v.uid = f.uid
), recorded as (
  select sync.record(%(step)s, %(trace)s, %(revision)s, coalesce((select jsonb_agg(
    jsonb_build_object('kind', 'user', 'key', uid, 'version', version, 'state', state,
      'code', code, 'conflicts', case when state = 'conflict' then
        jsonb_build_array(jsonb_build_object('field', 'role', 'other', other)) end))
    from outcome), '[]'))
)
select o.uid, o.state, o.code, o.other from outcome o cross join recorded
"""


class CoreDoctors:
    """Stores doctors. Raises TransientError when core cannot take them now."""

    def __init__(self, core: CoreDatabase) -> None:
        self._core = core

    def store(
        self, batch: Batch, doctors: Sequence[tuple[Ref, str, DoctorProfile]]
    ) -> list[Outcome]:
        """
        Make the users doctors, given as (ref at the version that was read, doctor id, profile).

        Return the outcomes, which are in the ledger. A user whom core does not know yet is
        "retrying". A patient with anything recorded, or a member of staff, is a conflict on the
        field `role`, and nothing is written.
        """
        found = self._core.write(
            _STORE,
            context(batch) | {"doctors": Jsonb([_row(*doctor) for doctor in doctors])},
            lock=[f"user/{ref.key}" for ref, _, _ in doctors],
        )
        news = {row["uid"]: row for row in found}
        return [_outcome(ref, news.get(ref.key)) for ref, _, _ in doctors]


def _row(ref: Ref, doctor_id: str, doctor: DoctorProfile) -> dict[str, Any]:
    return {
        "uid": ref.key,
        "id": doctor_id,
        "version": ref.version,
        "first_name": doctor.first_name,
        "last_name": doctor.last_name,
        "specialties": list(doctor.specialties),
        "license_no": doctor.license_no,
    }


def _outcome(ref: Ref, news: dict[str, Any] | None) -> Outcome:
    if news is None:  # core has it in a newer version
        return Outcome(ref, "done")
    held = (Conflict("role", news["other"]),) if news["state"] == "conflict" else ()
    return Outcome(ref, news["state"], news["code"], held)
