"""What core's ledger knows of the whole: counts, ages, the last runs. Reads, and never scans."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

if TYPE_CHECKING:
    from datetime import datetime

    from shared.stores.core import CoreDatabase

# Ages are in seconds by core's clock. Every part reads an index or the folded counts, so the answer
# costs the same for a million ledger rows as for a thousand.
_STANDING = """
with tally as (
  select step, state, code, sum(n)::bigint as n from sync.tallies group by 1, 2, 3
)
select
  (select coalesce(jsonb_agg(jsonb_build_object('step', step, 'state', state, 'code', code, 'n', n)
     order by step, state, n desc, code), '[]') from tally where n <> 0) as tallies,
  (select coalesce(jsonb_object_agg(step, age), '{}') from (
     select step, extract(epoch from now() - max(at))::float8 as age from sync.tallies
     where handled > 0 and state in ('done', 'conflict', 'gone') group by 1) m) as moved,
  (select coalesce(jsonb_agg(jsonb_build_array(step, minute, n)), '[]') from (
     select step, floor(extract(epoch from now() - at) / 60)::integer as minute, sum(handled) as n
     from sync.tallies where state in ('done', 'conflict', 'gone') and handled > 0
       and at > now() - interval '1 hour' group by 1, 2) r) as minutes,
  (select jsonb_object_agg(s.step, jsonb_build_object(
     'awaited', (select extract(epoch from now() - min(a.since)) from sync.awaited a
                 where a.step = s.step),
     'retrying', (select extract(epoch from now() - min(l.first_at)) from sync.ledger l
                  where l.state = 'retrying' and l.step = s.step),
     'exhausted', (select extract(epoch from now() - min(l.first_at)) from sync.ledger l
                   where l.state = 'parked' and l.exhausted and l.step = s.step),
     'code', (select l.error_code from sync.ledger l
              where l.state = 'retrying' and l.step = s.step order by l.first_at limit 1)))
   from unnest(%(steps)s::text[]) as s(step)) as oldest,
  (select jsonb_build_object('count', count(*), 'age', extract(epoch from now() - min(changed_at)))
   from sync.outbox where sent_at is null) as unsent,
  (select count(*) from sync.conflicts where resolved_at is null) as conflicts,
  (select extract(epoch from now() - min(next_retry_at)) from sync.ledger
   where state = 'parked' and exhausted) as replay_due,
  (select coalesce(jsonb_agg(jsonb_build_object('kind', kind,
     'touched', extract(epoch from now() - touched_at),
     'checked', extract(epoch from now() - checked_at), 'stalled_step', stalled_step,
     'stalled', extract(epoch from now() - stalled_since)) order by kind), '[]')
   from sync.canary) as canary,
  (select coalesce(jsonb_object_agg(p.name, to_jsonb(r) || jsonb_build_object('findings',
     (select coalesce(jsonb_object_agg(f.class, f.n), '{}') from (
        select class, count(*) as n from sync.findings where run = r.id and not repaired
        group by 1) f))), '{}')
   from unnest(%(projections)s::text[]) as p(name)
   cross join lateral (
     select id, extract(epoch from now() - finished_at) as age, dry_run, source_rows, target_rows,
            in_flight, found, repaired, complete
     from sync.reconcile_runs where projection = p.name and finished_at is not null
     order by id desc limit 1) r) as reconciled,
  (select extract(epoch from now() - min(since)) from sync.edges) as watched,
  now() as at
"""

# Of the outbox's announcements those that the step of their kind has not recorded at their version.
_NOT_ARRIVED = """
select count(*) as count, max(a.age) as age
from jsonb_to_recordset(%(announced)s) as a(kind text, key text, version bigint, age float8)
left join sync.ledger l on l.kind = a.kind and l.key = a.key and l.step = %(step)s
where l.step is null or l.seen_version < a.version
"""

_STUCK = """
select l.kind, l.key, l.step, l.state, l.error_code as code, l.attempts, l.replays, l.exhausted,
       l.first_at, l.updated_at, l.next_retry_at, l.trace_id
from sync.ledger l
where l.state = any(%(states)s)
  and l.state in ('retrying', 'parked', 'conflict')
  and (%(step)s::text is null or l.step = %(step)s)
  and (%(kind)s::text is null or l.kind = %(kind)s)
  and (%(key)s::text is null or l.key = %(key)s)
  and (%(code)s::text is null or l.error_code = %(code)s)
order by l.updated_at, l.kind, l.key, l.step limit %(limit)s
"""

_WAITING = """
select kind, key, step, origin, since from sync.awaited
where since < now() - make_interval(secs => %(older_s)s)
  and (%(step)s::text is null or step = %(step)s)
order by since, kind, key, step limit %(limit)s
"""


@dataclass(frozen=True, slots=True)
class StuckRow:
    """An entity that a step refused, parked or left for a person to decide. Times are UTC."""

    kind: str
    key: str
    step: str
    state: str
    code: str | None
    attempts: int
    replays: int
    exhausted: bool
    first_at: datetime
    updated_at: datetime
    next_retry_at: datetime | None
    trace_id: str | None


@dataclass(frozen=True, slots=True)
class AwaitedRow:
    """An entity that was announced or forwarded to a step, which has not recorded it since."""

    kind: str
    key: str
    step: str
    origin: str
    since: datetime


class CoreStatus:
    """Reads the ledger. Raises TransientError when core cannot be reached."""

    def __init__(self, core: CoreDatabase) -> None:
        self._core = core

    def standing(self, steps: Sequence[str], projections: Sequence[str]) -> dict[str, Any]:
        """Return the columns of _STANDING."""
        values = {"steps": list(steps), "projections": list(projections)}
        return self._core.read(_STANDING, values)[0]

    def not_arrived(
        self, step: str, announced: Sequence[tuple[str, str, int, float]]
    ) -> tuple[int, float | None]:
        """
        Return how many of an outbox's announcements (kind, key, version, age in seconds) a step has
        not recorded, and the age of the oldest.
        """
        names = ("kind", "key", "version", "age")
        rows = Jsonb([dict(zip(names, item, strict=True)) for item in announced])
        row = self._core.read(_NOT_ARRIVED, {"step": step, "announced": rows})[0]
        return row["count"], row["age"]

    def stuck(
        self,
        states: Sequence[str],
        *,
        step: str | None = None,
        kind: str | None = None,
        key: str | None = None,
        code: str | None = None,
        limit: int,
    ) -> list[StuckRow]:
        """Return unfinished entities in one of the states, those untouched for longest first."""
        values = {"states": list(states), "step": step, "kind": kind, "key": key, "code": code}
        return [StuckRow(**row) for row in self._core.read(_STUCK, values | {"limit": limit})]

    def waiting(self, step: str | None, older_s: float, limit: int) -> list[AwaitedRow]:
        """Return entities that have been awaited for more than `older_s` seconds, oldest first."""
        values = {"step": step, "older_s": older_s, "limit": limit}
        return [AwaitedRow(**row) for row in self._core.read(_WAITING, values)]
