"""The canary's account in core: what was touched when, and how it stands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

if TYPE_CHECKING:
    from shared.repair.canary_ways import Watch
    from shared.stores.core import CoreDatabase

# How each step stands since the last touch, by the journal: on the traces that the way's first
# steps have seen, for two ways may end in the same step.
_PASSAGES = """
with seen as (
  select w.name, j.step, j.state, j.trace_id, j.id, w.starts ? j.step as first
  from jsonb_to_recordset(%(watches)s) as w(name text, kind text, starts jsonb)
  join sync.canary c on c.kind = w.name
  join sync.journal j on j.kind = w.kind and j.key = c.key and j.at >= c.touched_at
), last as (
  select distinct on (s.name, s.step) s.name, s.step, s.state from seen s
  where exists (select from seen f where f.first and f.name = s.name and f.trace_id = s.trace_id)
  order by s.name, s.step, s.id desc
)
select c.kind as name, extract(epoch from now() - c.touched_at)::float8 as age_s,
       coalesce(jsonb_object_agg(l.step, l.state) filter (where l.step is not null), '{}')
         as passages
from sync.canary c left join last l on l.name = c.kind
group by c.kind, c.touched_at
"""
_JUDGE = """
update sync.canary c set checked_at = now(), stalled_step = j.value,
  stalled_since = case when j.value is not null then coalesce(c.stalled_since, now()) end
from jsonb_each_text(%(verdicts)s) j where c.kind = j.key
returning c.kind
"""
_NOTE = """
insert into sync.canary (kind, key, touched_at)
select kind, key, now() from jsonb_to_recordset(%(entities)s) as e(kind text, key text)
on conflict (kind) do update set key = excluded.key, touched_at = excluded.touched_at
returning kind
"""
_TOUCH = "select kind, key from sync.touch_canary(%(uid)s, %(run)s)"


class CoreCanary:
    """Touches and watches the canary."""

    def __init__(self, core: CoreDatabase) -> None:
        self._core = core

    def passages(self, watches: Iterable[Watch]) -> dict[str, tuple[float, dict[str, str]]]:
        """Return by way: seconds since the last touch, and the state in each step since then."""
        ways = [{"name": w.name, "kind": w.kind, "starts": w.starts()} for w in watches]
        rows = self._core.read(_PASSAGES, {"watches": Jsonb(ways)})
        return {row["name"]: (row["age_s"], row["passages"]) for row in rows}

    def judge(self, verdicts: Mapping[str, str | None]) -> None:
        """Record by way which step is stalled, None for none."""
        self._core.write(_JUDGE, {"verdicts": Jsonb(dict(verdicts))})

    def note(self, entities: Sequence[tuple[str, str]]) -> None:
        """Record that entities, given as (way, key), are about to be touched."""
        rows: list[dict[str, Any]] = [{"kind": kind, "key": key} for kind, key in entities]
        self._core.write(_NOTE, {"entities": Jsonb(rows)})

    def touch(self, uid: str, run: str) -> list[tuple[str, str]]:
        """Change and note what the canary has in core, as the backend does; return kind and key."""
        rows = self._core.write(_TOUCH, {"uid": uid, "run": run})
        return [(row["kind"], row["key"]) for row in rows]
