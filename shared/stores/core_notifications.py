"""What patients were told and are to be told: claims, and the backend's own `notifications`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

from shared.models.notices import Claim, Telling
from shared.stores.ledger import parameters

if TYPE_CHECKING:
    from shared.notices.notifying import Delivery
    from shared.outcomes import Outcome
    from shared.runner import Batch
    from shared.stores.core import CoreDatabase, Row

# Longer than a delivery takes: the lease of one that is alive does not run out.
_LEASE_S = 120

_CLAIM = "select sync.claim_news(%(kind)s, %(keys)s, %(holder)s, %(lease_s)s) as telling"

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

    def claim(self, batch: Batch, kind: str) -> Telling:
        """
        Take note of how a batch's entities stand and withdraw what holds no more; return what is
        still to be told. The lock makes two messages for one entity take turns.
        """
        keys = sorted({ref.key for ref in batch.refs})
        rows = self._core.write(
            _CLAIM,
            {"kind": kind, "keys": keys, "holder": batch.traceparent[3:35], "lease_s": _LEASE_S},
            lock=[f"told/{kind}/{key}" for key in keys],
        )
        return _telling(rows[0]["telling"])

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


def _telling(found: dict[str, Any]) -> Telling:
    standing: dict[str, tuple[int, str | None]] = found["standing"]
    return Telling(
        versions={key: version for key, (version, _) in standing.items()},
        untold={key: why for key, (_, why) in standing.items() if why},
        claims=[_claim(row) for row in found["claims"]],
        withdrawn=[_claim(row) for row in found["withdrawn"]],
    )


def _claim(row: Row) -> Claim:
    return Claim(
        key=row["key"],
        version=row["version"],
        what=row["what"],
        uid=row["uid"],
        appointment_id=row["appointment_id"],
        created_at=datetime.fromisoformat(row["created_at"]),
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
