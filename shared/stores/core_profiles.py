"""Core `patients` as the profile fills them, and how the profile was read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

from shared.outcomes import Outcome
from shared.stores.ledger import context

if TYPE_CHECKING:
    from shared.events import Ref
    from shared.models.profiles import Profile
    from shared.runner import Batch
    from shared.stores.core import CoreDatabase

COLUMNS = ("name", "dob", "gender", "allergies", "chronic_conditions", "emergency_contact")

# A column that the profile gives is written. One that it does not give (any more) is cleared only
# if its value was the profile's: what the backend has filled in itself stays. The upsert locks the
# patient row before it is compared, so an edit by the backend in the same moment is not lost. What
# was the profile's stays known as such while its owner is no patient, and is cleared afterwards.
# jsonb_populate_recordset casts to the backend's own column types, native enums included.
_STORE = """
with given as (
  select * from jsonb_to_recordset(%(profiles)s) as g(uid text, id text, version bigint,
    deleted boolean, held text[], language text, email text, phone_digits text,
    consent_data_use boolean, consent_notifications boolean, review_reasons text[])
), typed as (
  select * from jsonb_populate_recordset(null::patients, %(profiles)s)
), fresh as (
  select g.* from given g left join lateral (
    select * from sync.ledger l
    where l.kind = 'user' and l.key = g.uid and l.step = %(step)s offset 0  -- see core_documents.py
  ) l on true
  where coalesce(l.source_version, 0) <= g.version
), homed as (
  select f.*, u.id as user_id, u.role::text = 'PATIENT' as is_patient,
         coalesce(r.held, '{}') as had,
         f.review_reasons || array_remove(array[
           case when right(regexp_replace(u.phone, '\\D', '', 'g'), length(f.phone_digits))
                     <> f.phone_digits then 'phone_differs' end,
           case when lower(u.email) <> f.email then 'email_differs' end], null) as flags
  from fresh f join users u on u.firebase_uid = f.uid
  left join sync.profile_readings r on r.uid = f.uid
), patient as (
  insert into patients as p
    (id, user_id, name, dob, gender, allergies, chronic_conditions, emergency_contact)
  select h.id, h.user_id, t.name, t.dob, t.gender, t.allergies, t.chronic_conditions,
         t.emergency_contact
  from homed h join typed t on t.id = h.id where h.is_patient order by h.uid
  on conflict (user_id) do update set
    (name, dob, gender, allergies, chronic_conditions, emergency_contact) = (
      select
        coalesce(excluded.name, case when 'name' <> all (h.had) then p.name end),
        coalesce(excluded.dob, case when 'dob' <> all (h.had) then p.dob end),
        coalesce(excluded.gender, case when 'gender' <> all (h.had) then p.gender end),
        coalesce(excluded.allergies, case when 'allergies' <> all (h.had) then p.allergies end),
        coalesce(excluded.chronic_conditions,
                 case when 'chronic_conditions' <> all (h.had) then p.chronic_conditions end),
        coalesce(excluded.emergency_contact,
                 case when 'emergency_contact' <> all (h.had) then p.emergency_contact end)
      from homed h where h.user_id = excluded.user_id)
), language as (
  update users u set language = h.language from homed h
  where u.id = h.user_id and h.language is not null and u.language is distinct from h.language
), reading as (
  insert into sync.profile_readings as r
    (uid, version, held, consent_data_use, consent_notifications, review_reasons)
  select uid, version, case when is_patient then held else had end, consent_data_use,
         consent_notifications, flags
  from homed order by uid
  on conflict (uid) do update set
    version = excluded.version, held = excluded.held, consent_data_use = excluded.consent_data_use,
    consent_notifications = excluded.consent_notifications,
    review_reasons = excluded.review_reasons
), outcome as (
  select f.uid, f.version,
         case when h.uid is not null then 'done' when f.deleted then 'gone' else 'retrying' end
           as state,
         case when f.deleted then 'profile_deleted' when h.uid is null then 'user_not_in_core'
              when not h.is_patient then 'user_is_no_patient' end as code
  from fresh f left join homed h on h.uid = f.uid
), recorded as (
  select sync.record(%(step)s, %(trace)s, %(revision)s, coalesce((select jsonb_agg(
    jsonb_build_object('kind', 'user', 'key', uid, 'version', version, 'state', state,
      'code', code)) from outcome), '[]'))
)
select o.uid, o.state, o.code from outcome o cross join recorded
"""


_NOT_PATIENTS = """
select firebase_uid as uid from users
where firebase_uid = any(%(uids)s) and role::text <> 'PATIENT'
"""


class CoreProfiles:
    """Stores profiles. Raises TransientError when core cannot take them now."""

    def __init__(self, core: CoreDatabase) -> None:
        self._core = core

    def store(
        self, batch: Batch, profiles: Sequence[tuple[Ref, str, Profile, bool]]
    ) -> list[Outcome]:
        """
        Write profiles, given as (ref at the version that was read, patient id, profile, deleted).

        Return the outcomes, which are in the ledger. A user whom core does not know yet is
        "retrying"; a profile that core has in a newer version is left as it is, and done.
        """
        found = self._core.write(
            _STORE,
            context(batch) | {"profiles": Jsonb([_row(*profile) for profile in profiles])},
            lock=[f"user/{ref.key}" for ref, _, _, _ in profiles],
        )
        news = {row["uid"]: (row["state"], row["code"]) for row in found}
        return [Outcome(ref, *news.get(ref.key, ("done", None))) for ref, _, _, _ in profiles]

    def not_patients(self, uids: Sequence[str]) -> set[str]:
        """Return those of these users who are doctors or staff."""
        return {row["uid"] for row in self._core.read(_NOT_PATIENTS, {"uids": list(uids)})}


def _row(ref: Ref, patient_id: str, profile: Profile, deleted: bool) -> dict[str, Any]:
    columns = {name: getattr(profile, name) for name in COLUMNS}
    given = columns | {"language": profile.language}
    return {
        "uid": ref.key,
        "id": patient_id,
        "version": ref.version,
        "deleted": deleted,
        "held": [name for name, value in given.items() if value is not None],
        **columns,
        "dob": profile.dob.isoformat() if profile.dob else None,
        "language": profile.language,
        "email": profile.email,
        "phone_digits": profile.phone_digits,
        "consent_data_use": profile.consent_data_use,
        "consent_notifications": profile.consent_notifications,
        "review_reasons": list(profile.review_reasons),
    }
