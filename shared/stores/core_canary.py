"""The canary's account in core: what was touched when, and how it stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

from shared.canary import Passage

if TYPE_CHECKING:
    from shared.stores.core import CoreDatabase

# Rows touched too lately are not judged: what was touched may still be on its way.
_PASSAGES = """
select c.kind, extract(epoch from now() - c.touched_at)::float8 as age_s,
       coalesce(
         jsonb_object_agg(l.step, jsonb_build_object(
           'state', l.state, 'fresh', l.updated_at >= c.touched_at))
         filter (where l.step is not null), '{}') as passages
from sync.canary c
left join sync.ledger l on l.kind = c.kind and l.key = c.key
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

    def passages(self) -> dict[str, tuple[float, dict[str, Passage]]]:
        """Return by kind: seconds since the last touch, and how it stands in each step."""
        return {
            row["kind"]: (
                row["age_s"],
                {step: Passage(p["state"], p["fresh"]) for step, p in row["passages"].items()},
            )
            for row in self._core.read(_PASSAGES, {})
        }

    def judge(self, verdicts: Mapping[str, str | None]) -> None:
        """Record by kind which step is stalled, None for none."""
        self._core.write(_JUDGE, {"verdicts": Jsonb(dict(verdicts))})

    def note(self, entities: Sequence[tuple[str, str]]) -> None:
        """Record that entities are about to be touched."""
        rows: list[dict[str, Any]] = [{"kind": kind, "key": key} for kind, key in entities]
        self._core.write(_NOTE, {"entities": Jsonb(rows)})

    def touch(self, uid: str, run: str) -> list[tuple[str, str]]:
        """Change and note what the canary has in core, as the backend does; return kind and key."""
        rows = self._core.write(_TOUCH, {"uid": uid, "run": run})
        return [(row["kind"], row["key"]) for row in rows]
