"""What patients were told and are to be told: claims, and the backend's own `notifications`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

from shared.models.notices import Claim, News
from shared.outcomes import Outcome
from shared.stores.ledger import parameters

if TYPE_CHECKING:
    from shared.notices.notifying import Delivery
    from shared.runner import Batch
    from shared.stores.core import CoreDatabase, Row

# Longer than a delivery takes: the lease of one that is alive does not run out.
_LEASE_S = 120

# News is what differs from what the patient was told, at a newer version. Its claim is held by the
# message that found it; redeliveries of that message (the same trace) go on with it, others only
# when its lease has run out. The lock makes two messages for one entity take turns. Of a paper that
# was deleted since it was read there is no news.
_CLAIM = """
with news as (
  select * from jsonb_to_recordset(%(news)s) as n(key text, version bigint, uid text, state text,
    first text, later text, appointment_id text)
), fresh as (
  select n.*, case when t.uid = n.uid then t.state else '' end as before
  from news n left join sync.told t on t.kind = %(kind)s and t.key = n.key
  where (t.version is null or t.version < n.version)
    and (%(kind)s <> 'document' or exists (select from documents d where d.id = n.key))
    and (%(kind)s <> 'prescription' or exists (select from prescriptions r where r.id = n.key))
), told as (
  insert into sync.told as t (kind, key, uid, state, version)
  select %(kind)s, key, uid, state, version from fresh order by key
  on conflict (kind, key) do update set
    uid = excluded.uid, state = excluded.state, version = excluded.version
), claimed as (
  insert into sync.notifications
    (kind, key, version, what, uid, appointment_id, holder, lease_until)
  select %(kind)s, key, version, what, uid, appointment_id, %(holder)s,
         now() + make_interval(secs => %(lease_s)s)
  from (select *, case when before = '' then first else later end as what from fresh) f
  where state <> before and what is not null order by key
  returning key, version, what, uid, appointment_id, created_at, reached
), open as (
  select c.key, c.version, c.holder = %(holder)s or c.lease_until is null
           or c.lease_until < now() as free
  from sync.notifications c join news n on n.key = c.key
  where c.kind = %(kind)s and c.state = 'claimed'
), resumed as (
  update sync.notifications c
  set holder = %(holder)s, lease_until = now() + make_interval(secs => %(lease_s)s),
      attempts = c.attempts + 1
  from open o where c.kind = %(kind)s and c.key = o.key and c.version = o.version and o.free
  returning c.key, c.version, c.what, c.uid, c.appointment_id, c.created_at, c.reached
)
select c.*, false as held from claimed c
union all
select r.*, false from resumed r
union all
select c.key, c.version, c.what, c.uid, c.appointment_id, c.created_at, c.reached, true
from sync.notifications c join open o on o.key = c.key and o.version = c.version
where c.kind = %(kind)s and not o.free
order by key, version
"""

# What was told of these entities leads to them no more, unless they are there again since. A claim
# that is open is returned as held: its note may not lie in the inbox yet.
_WITHDRAW = """
with gone as (
  select * from jsonb_to_recordset(%(gone)s) as g(key text, version bigint)
), unlinked as (
  update notifications n set metadata = n.metadata - 'id'
  from gone g
  where n.metadata ->> 'kind' = %(kind)s and n.metadata ->> 'id' = g.key
    and not exists (select from sync.notifications c
                    where c.kind = %(kind)s and c.key = g.key and c.version > g.version)
)
update sync.notifications c set withdrawn = true
from gone g
where c.kind = %(kind)s and c.key = g.key and c.version <= g.version
returning c.key, c.version, c.what, c.uid, c.appointment_id, c.created_at, c.reached,
          c.state = 'claimed' as held
"""

# One statement: the claims' ends, the backend's rows and the ledger. A patient or appointment that
# is gone meanwhile has no row to hang on, and what was once sent stays sent.
_SETTLE = """
with given as (
  select * from jsonb_to_recordset(%(deliveries)s) as g(id text, key text, version bigint,
    what text, uid text, appointment_id text, state text, code text, reached text[])
), settled as (
  update sync.notifications c set
    state = g.state, code = g.code, reached = g.reached, holder = null, lease_until = null,
    settled_at = case when g.state <> 'claimed' then now() end
  from given g
  where c.kind = %(kind)s and c.key = g.key and c.version = g.version and c.state = 'claimed'
), noted as (
  insert into notifications as n
    (id, user_id, appointment_id, type, channel, sent_at, status, metadata)
  select g.id, u.id, a.id, upper(%(kind)s::text || '_' || g.what), 'PUSH',
         case when g.state = 'sent' then now() at time zone 'utc' end,
         case g.state when 'claimed' then 'PENDING' else upper(g.state) end,
         jsonb_strip_nulls(jsonb_build_object('kind', %(kind)s::text, 'code', g.code,
           'id', case when not coalesce(c.withdrawn, false) then g.key end))
  from given g
  left join sync.notifications c
    on c.kind = %(kind)s and c.key = g.key and c.version = g.version
  join users u on u.firebase_uid = g.uid
  left join appointments a on a.id = g.appointment_id
  order by g.id
  on conflict (id) do update set
    sent_at = excluded.sent_at, status = excluded.status, metadata = excluded.metadata
    where n.status <> 'SENT'
)
select sync.record(%(step)s, %(trace)s, %(revision)s, %(outcomes)s)
"""


class CoreNotifications:
    """Claims news and settles what became of it."""

    def __init__(self, core: CoreDatabase) -> None:
        self._core = core

    def claim(self, batch: Batch, kind: str, news: Sequence[News]) -> list[Claim]:
        """Take note of how things stand; return what is still to be told of these entities."""
        rows = self._core.write(
            _CLAIM,
            {
                "kind": kind,
                "news": Jsonb([asdict(item) for item in news]),
                "holder": batch.traceparent[3:35],
                "lease_s": _LEASE_S,
            },
            lock=[f"told/{kind}/{item.key}" for item in news],
        )
        return [_claim(row) for row in rows]

    def withdraw(self, kind: str, versions: Mapping[str, int]) -> list[Claim]:
        """Unlink what was told of entities at these versions or before; return it, open or not."""
        rows = self._core.write(
            _WITHDRAW,
            {"kind": kind, "gone": Jsonb([{"key": k, "version": v} for k, v in versions.items()])},
            lock=[f"told/{kind}/{key}" for key in versions],
        )
        return sorted((_claim(row) for row in rows), key=lambda claim: (claim.key, claim.version))

    def settle(
        self, batch: Batch, kind: str, deliveries: Sequence[Delivery], outcomes: Sequence[Outcome]
    ) -> None:
        """Write how far each claim got, the backend's rows, and the outcomes."""
        rows = [_delivery(delivery) for delivery in deliveries]
        self._core.write(
            _SETTLE,
            parameters(batch, outcomes) | {"kind": kind, "deliveries": Jsonb(rows)},
            lock=[f"told/{kind}/{delivery.claim.key}" for delivery in deliveries],
        )


def _claim(row: Row) -> Claim:
    return Claim(
        key=row["key"],
        version=row["version"],
        what=row["what"],
        uid=row["uid"],
        appointment_id=row["appointment_id"],
        created_at=row["created_at"],
        reached=frozenset(row["reached"]),
        held=row["held"],
    )


def _delivery(delivery: Delivery) -> dict[str, Any]:
    claim = delivery.claim
    return {
        "id": delivery.id,
        "key": claim.key,
        "version": claim.version,
        "what": claim.what,
        "uid": claim.uid,
        "appointment_id": claim.appointment_id,
        "state": delivery.state,
        "code": delivery.code,
        "reached": sorted(delivery.reached),
    }
