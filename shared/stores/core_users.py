"""Core `users` and `patients` rows of people who signed up in Firebase."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

from shared.events import Ref
from shared.models.users import Account, CoreUser
from shared.outcomes import Conflict, Outcome
from shared.people import contacts
from shared.stores.ledger import context

if TYPE_CHECKING:
    from shared.runner import Batch
    from shared.stores.core import CoreDatabase, Row

# A number drawn before the source is read: a state read under a later number is not older. It is
# the version of what has none of its own (Firebase Auth keeps no "updated at").
_TICKET = "select nextval('sync.version') as version"

# One statement: decide which accounts are news, who else holds their contacts, write the users,
# give patients their patient row, and record the outcome. A contact that another account holds is
# left out and recorded as a conflict: taking it over would be an account takeover. One that this
# user had before the other came stays: core may hold it twice, in two spellings.
_STORE = """
with given as (
  select g.* from jsonb_to_recordset(%(accounts)s)
    as g(uid text, user_id text, patient_id text, email text, phone text, verified boolean)
), fresh as (
  select g.* from given g left join lateral (
    select * from sync.ledger l
    where l.kind = 'user' and l.key = g.uid and l.step = %(step)s offset 0  -- see core_documents.py
  ) l on true
  where coalesce(l.source_version, 0) <= %(version)s
), clash as (
  select f.uid, 'email' as field, u.id as other
  from fresh f join users u on lower(u.email) = f.email
  where u.firebase_uid is distinct from f.uid
  union all
  select f.uid, 'phone', u.id
  from fresh f join users u
    on regexp_replace(u.phone, '\\D', '', 'g') = regexp_replace(f.phone, '\\D', '', 'g')
  where u.firebase_uid is distinct from f.uid
), allowed as (
  select f.uid, f.user_id, f.patient_id, f.verified,
         case when lower(own.email) = f.email
                or not exists (select from clash c where c.uid = f.uid and c.field = 'email')
              then f.email end as email,
         case when own.phone = f.phone
                or not exists (select from clash c where c.uid = f.uid and c.field = 'phone')
              then f.phone end as phone
  from fresh f left join users own on own.firebase_uid = f.uid
), written as (
  insert into users as u (id, role, phone, email, firebase_uid, verified)
  select user_id, 'PATIENT', phone, email, uid, verified from allowed order by uid
  on conflict (firebase_uid) do update set
    phone = excluded.phone, email = excluded.email, verified = excluded.verified
    where (u.phone, u.email, u.verified)
      is distinct from (excluded.phone, excluded.email, excluded.verified)
  returning u.id, u.firebase_uid, u.role
), people as (
  select w.id, w.firebase_uid, w.role from written w
  union
  select u.id, u.firebase_uid, u.role from users u join allowed a on a.uid = u.firebase_uid
), patient as (
  insert into patients (id, user_id)
  select a.patient_id, p.id from people p join allowed a on a.uid = p.firebase_uid
  where p.role = 'PATIENT' order by a.uid
  on conflict (user_id) do nothing
), outcome as (
  select f.uid, coalesce(jsonb_agg(jsonb_build_object('field', c.field, 'other', c.other))
                         filter (where c.field is not null), '[]') as conflicts
  from fresh f left join clash c on c.uid = f.uid group by f.uid
), recorded as (
  select sync.record(%(step)s, %(trace)s, %(revision)s,
    coalesce((select jsonb_agg(jsonb_build_object('kind', 'user', 'key', uid,
      'version', %(version)s::bigint,
      'state', case when conflicts = '[]' then 'done' else 'conflict' end,
      'code', case when conflicts <> '[]' then 'contact_taken' end,
      'conflicts', conflicts)) from outcome), '[]'))
)
select o.uid, o.conflicts from outcome o cross join recorded
"""

_READ = """
select u.id, u.firebase_uid as uid, u.role::text as role, u.email, u.phone, u.verified,
       sync.person_name(p.name, d.first_name, d.last_name) as name,
       coalesce(o.version, 0) as version
from users u
left join patients p on p.user_id = u.id
left join doctors d on d.user_id = u.id
left join sync.outbox o on o.kind = 'user' and o.key = u.firebase_uid
where u.firebase_uid = any(%(uids)s)
"""


class CoreUsers:
    """Stores and reads core users. Raises TransientError when core cannot take it now."""

    def __init__(self, core: CoreDatabase) -> None:
        self._core = core

    def ticket(self) -> int:
        """Draw the version under which accounts are about to be read."""
        return int(self._core.read(_TICKET, {})[0]["version"])

    def store(
        self, batch: Batch, accounts: Sequence[tuple[Account, str, str]], version: int
    ) -> list[Outcome]:
        """
        Upsert users and their patient rows, given as (account, user id, patient id).

        Return the outcome of each; it is in the ledger already. An account that the ledger knows at
        a newer version is left as it is, and done.
        """
        found = self._core.write(
            _STORE,
            context(batch)
            | {
                "version": version,
                "accounts": Jsonb([_row(account, user, pat) for account, user, pat in accounts]),
            },
            lock=[f"user/{account.uid}" for account, _, _ in accounts],
        )
        conflicts = {row["uid"]: row["conflicts"] for row in found}
        return [_outcome(a.uid, conflicts.get(a.uid, []), version) for a, _, _ in accounts]

    def read(self, uids: Sequence[str]) -> dict[str, CoreUser]:
        """Return the core users of these Firebase uids, by uid."""
        rows = self._core.read(_READ, {"uids": list(uids)})
        return {row["uid"]: _user(row) for row in rows}


def _row(account: Account, user_id: str, patient_id: str) -> dict[str, Any]:
    return {
        "uid": account.uid,
        "user_id": user_id,
        "patient_id": patient_id,
        "email": account.email,
        "phone": account.phone,
        "verified": account.verified,
    }


def _outcome(uid: str, conflicts: list[dict[str, str]], version: int) -> Outcome:
    ref = Ref("user", uid, version)
    if not conflicts:
        return Outcome(ref, "done")
    held = tuple(Conflict(c["field"], c["other"]) for c in conflicts)
    return Outcome(ref, "conflict", "contact_taken", held)


def _user(row: Row) -> CoreUser:
    return CoreUser(
        id=row["id"],
        uid=row["uid"],
        role=row["role"],
        name=row["name"],
        email=contacts.email(row["email"]),
        phone=contacts.phone(row["phone"]),
        verified=row["verified"],
        version=row["version"],
        without=frozenset(name for name in ("email", "phone") if not row[name]),
    )
