"""Conflicts that wait for a person, and the person's decisions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared import settings
from shared.events import Ref
from shared.models.conflicts import OpenConflict

if TYPE_CHECKING:
    from shared.stores.core import CoreDatabase, Row

_OPEN = """
select c.id, c.kind, c.key, c.step, c.field, c.other, c.resolution, u.firebase_uid as other_uid
from sync.conflicts c left join users u on u.id = c.other
where c.resolved_at is null order by c.id
"""
_FIND = """
select c.id, c.kind, c.key, c.step, c.field, c.other, c.resolution, u.firebase_uid as other_uid
from sync.conflicts c left join users u on u.id = c.other where c.id = %(id)s
"""

# Close the conflict, do in core what the decision says, and note it in the journal of this entity
# and of the other one, as one statement. Only the first decision counts. A contact is cleared only
# while it is still the one in conflict (%(value)s, in normal form): the other may have a new one.
_DECIDE = """
with decided as (
  update sync.conflicts c
  set resolved_at = now(), resolution = %(decision)s, decided_by = %(operator)s
  where c.id = %(id)s and c.resolved_at is null
  returning c.*
), yielded as (
  update users u set
    email = case when d.field = 'email' then null else u.email end,
    phone = case when d.field = 'phone' then null else u.phone end
  from decided d
  where u.id = d.other and d.step = 'store_user' and %(decision)s = 'give_to_this'
    and case d.field when 'email' then lower(u.email) = %(value)s
        when 'phone' then regexp_replace(u.phone, '\\D', '', 'g')
                          = regexp_replace(%(value)s, '\\D', '', 'g') end
), promoted as (
  update users u set role = 'DOCTOR' from decided d
  where u.firebase_uid = d.key and d.field = 'role' and %(decision)s = 'give_to_this'
), entity as (
  select d.kind, d.key from decided d
  union
  select d.kind, u.firebase_uid from decided d join users u on u.id = d.other
  where u.firebase_uid is not null
), recorded as (
  select sync.record('decide_conflict', null, %(revision)s, coalesce((select jsonb_agg(
    jsonb_build_object('kind', kind, 'key', key, 'version', 0, 'state', 'done',
      'code', %(decision)s)) from entity), '[]'))
)
select c.resolution from sync.conflicts c cross join recorded where c.id = %(id)s
"""


_CLAIM = "select step, kind, key from sync.claim_conflicts(%(rest_s)s, %(limit)s)"


class CoreConflicts:
    """Lists and closes conflicts. Raises TransientError when core cannot answer."""

    def __init__(self, core: CoreDatabase) -> None:
        self._core = core

    def open(self) -> list[OpenConflict]:
        """Return the conflicts that wait for a decision, oldest first."""
        return [_conflict(row) for row in self._core.read(_OPEN, {})]

    def find(self, conflict_id: int) -> OpenConflict | None:
        """Return one conflict, decided or not."""
        rows = self._core.read(_FIND, {"id": conflict_id})
        return _conflict(rows[0]) if rows else None

    def claim(self, rest_s: float, limit: int) -> list[tuple[str, Ref]]:
        """
        Take open conflicts whose holder has moved, or that nobody has looked into for `rest_s`
        seconds; return each one's step and entity.
        """
        rows = self._core.write(_CLAIM, {"rest_s": rest_s, "limit": limit})
        return [(row["step"], Ref(row["kind"], row["key"])) for row in rows]

    def decide(
        self, conflict: OpenConflict, decision: str, operator: str, value: str | None
    ) -> None:
        """
        Close an open conflict. `give_to_this` takes the contact `value` off the core user that
        holds it, or gives this user the role; keep_other and dismissed close the conflict only.
        """
        self._core.write(
            _DECIDE,
            {
                "id": conflict.id,
                "decision": decision,
                "operator": operator,
                "value": value,
                "revision": settings.revision(),
            },
            lock=[f"user/{uid}" for uid in (conflict.key, conflict.other_uid) if uid],
        )


def _conflict(row: Row) -> OpenConflict:
    return OpenConflict(**row)
