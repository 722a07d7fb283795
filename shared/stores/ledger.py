"""The ledger and journal in core (schema `sync`): what became of each entity in each step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

from shared import settings

if TYPE_CHECKING:
    from shared.events import Ref
    from shared.outcomes import Outcome
    from shared.runner import Batch
    from shared.stores.core import CoreDatabase

_RECORD = "select sync.record(%(step)s, %(trace)s, %(revision)s, %(outcomes)s)"

# Two scalar subqueries, so that both are evaluated whatever the other finds: a join with a CTE that
# records would not record when there is nothing to join.
_RECORD_AND_RECHECK = """
select (select sync.record(%(step)s, %(trace)s, %(revision)s, %(outcomes)s)) as recorded,
       (select coalesce(jsonb_object_agg(o.key, b.version), '{}')
        from jsonb_to_recordset(%(outcomes)s) as o(kind text, key text, version bigint)
        join sync.outbox b on b.kind = o.kind and b.key = o.key
        where b.version > o.version) as moved
"""

_ANNOUNCED = "select sync.note_announced(%(step)s, %(trace)s, %(revision)s, %(refs)s)"

# Those of parked ones too: of two messages about one entity, each becomes a dead letter.
_LAST_CODES = """
select key, error_code from sync.ledger
where step = %(step)s and kind = %(kind)s and key = any(%(keys)s)
  and state in ('retrying', 'parked')
"""

_PAUSE = """
select coalesce(max(extract(epoch from l.next_retry_at - now())), 0)::float8 as seconds
from jsonb_to_recordset(%(refs)s) as r(kind text, key text)
join sync.ledger l on l.kind = r.kind and l.key = r.key and l.step = %(step)s
where l.state = 'retrying' and l.next_retry_at > now()
"""


class Ledger:
    """Writes outcomes. Raises TransientError when core cannot be reached."""

    def __init__(self, core: CoreDatabase) -> None:
        self._core = core

    def record(self, batch: Batch, outcomes: Sequence[Outcome]) -> None:
        """Write the outcomes of a batch to ledger, journal and conflicts."""
        if outcomes:
            self._core.write(_RECORD, parameters(batch, outcomes))

    def record_and_recheck(self, batch: Batch, outcomes: Sequence[Outcome]) -> dict[str, int]:
        """
        Record, and return which of these core entities have moved on, with their newer version.

        A step that writes to a store without version guards calls this after its write: if the
        source moved since it was read, a racing step may have been overwritten, so read again.
        """
        return self._core.write(_RECORD_AND_RECHECK, parameters(batch, outcomes))[0]["moved"]

    def announced(self, batch: Batch) -> None:
        """Note in the journal that a caller announced entities: their trace is known from then."""
        rows = [{"kind": ref.kind, "key": ref.key} for ref in batch.refs]
        self._core.write(_ANNOUNCED, context(batch) | {"refs": Jsonb(rows)})

    def last_codes(self, step: str, kind: str, keys: Sequence[str]) -> dict[str, str]:
        """Return why each of these entities was last refused or parked in a step."""
        found = self._core.read(_LAST_CODES, {"step": step, "kind": kind, "keys": list(keys)})
        return {row["key"]: row["error_code"] for row in found if row["error_code"]}

    def pause(self, step: str, refs: Sequence[Ref]) -> float:
        """Return for how many more seconds a provider asked the step to wait with one of these."""
        rows = [{"kind": ref.kind, "key": ref.key} for ref in refs]
        return float(self._core.read(_PAUSE, {"step": step, "refs": Jsonb(rows)})[0]["seconds"])


def parameters(batch: Batch, outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Return the arguments of `sync.record`."""
    return context(batch) | {
        "outcomes": Jsonb(
            [
                {
                    "kind": o.ref.kind,
                    "key": o.ref.key,
                    "version": o.ref.version,
                    "state": o.state,
                    "code": o.code,
                    "conflicts": [{"field": c.field, "other": c.other} for c in o.conflicts],
                    "retry_after": o.retry_after,
                    "exhausted": o.exhausted,
                    "digest": o.digest,
                }
                for o in outcomes
            ]
        )
    }


def context(batch: Batch) -> dict[str, Any]:
    """Return who writes: step, trace and revision."""
    return {
        "step": batch.step,
        "trace": batch.traceparent[3:35] or None,
        "revision": settings.revision(),
    }
