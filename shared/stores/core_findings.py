"""Runs of reconciliation and what they found, in core."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from psycopg.types.json import Jsonb

if TYPE_CHECKING:
    from shared.repair.projections import Projection
    from shared.stores.core import CoreDatabase

_BEGIN = """
insert into sync.reconcile_runs (projection, dry_run) values (%(projection)s, %(dry_run)s)
returning id
"""
_RESTED = """
select not exists (
  select from sync.reconcile_runs
  where projection = %(projection)s and not dry_run and complete
    and finished_at > now() - make_interval(secs => %(rest_s)s)) as rested
"""
_STANDING = """
select * from sync.standing(%(projection)s, %(kind)s, %(keys)s::text[], %(steps)s, %(age_s)s)
"""
_VERSIONS = """
select key, source_version from sync.ledger
where step = %(step)s and kind = %(kind)s and key = any(%(keys)s)
"""
_FINISH = """
with noted as (
  insert into sync.findings (run, projection, kind, key, class, code, repaired, seen)
  select %(run)s, %(projection)s, f.kind, f.key, f.class, f.code, f.repaired, f.seen
  from jsonb_to_recordset(%(findings)s)
    as f(kind text, key text, class text, code text, repaired boolean, seen text)
)
update sync.reconcile_runs set finished_at = clock_timestamp(), source_rows = %(source_rows)s,
  target_rows = %(target_rows)s, differing_buckets = %(differing_buckets)s,
  rows_read = %(rows_read)s,
  in_flight = %(in_flight)s, found = %(found)s, repaired = %(repaired)s, complete = %(complete)s
where id = %(run)s
returning id
"""


_REMOVAL = """
insert into sync.orphan_removals (projection, key, operator)
select %(projection)s, key, %(operator)s from unnest(%(keys)s::text[]) key
returning id
"""


@dataclass(frozen=True, slots=True)
class Finding:
    """
    A drift. `class_` is missing, stale, orphan or conflict; an orphan's key is the target's. `seen`
    is the hashes of the two sides.
    """

    kind: str
    key: str
    class_: str
    code: str | None = None
    repaired: bool = False
    seen: str = ""


@dataclass(slots=True)
class Report:
    """What a run saw. `complete` is False when more differs than one run looks into."""

    source_rows: int = 0
    target_rows: int = 0
    differing_buckets: int = 0
    rows_read: int = 0
    in_flight: int = 0
    found: int = 0
    repaired: int = 0
    complete: bool = True


@dataclass(frozen=True, slots=True)
class Standing:
    """
    What the ledger knows of an entity; `state` is parked, conflict or None. `tried` is what the
    last run saw and repaired, if the steps have worked since: seen again, it was in vain.
    """

    moving: bool
    state: str | None
    tried: str | None


class CoreFindings:
    """Keeps runs and findings."""

    def __init__(self, core: CoreDatabase) -> None:
        self._core = core

    def rested(self, projection: str, rest_s: float) -> bool:
        """Tell whether the last whole run of a comparison ended at least so many seconds ago."""
        return self._core.read(_RESTED, {"projection": projection, "rest_s": rest_s})[0]["rested"]

    def begin(self, projection: str, *, dry_run: bool) -> int:
        """Open a run; return its number."""
        return self._core.write(_BEGIN, {"projection": projection, "dry_run": dry_run})[0]["id"]

    def standing(
        self, projection: Projection, keys: Sequence[str], age_s: float
    ) -> dict[str, Standing]:
        """Return what the ledger knows of entities; `age_s` is how recent counts as moving."""
        values = {
            "projection": projection.name,
            "kind": projection.kind,
            "keys": list(keys),
            "steps": list(projection.steps),
            "age_s": age_s,
        }
        rows = self._core.read(_STANDING, values)
        return {r["key"]: Standing(r["moving"], r["state"], r["tried"]) for r in rows}

    def stored_versions(self, step: str, kind: str, keys: Sequence[str]) -> dict[str, int]:
        """Return the version of each entity that a step has written last."""
        rows = self._core.read(_VERSIONS, {"step": step, "kind": kind, "keys": list(keys)})
        return {row["key"]: row["source_version"] for row in rows}

    def note_removal(self, projection: str, keys: Sequence[str], operator: str) -> None:
        """Write down who orders which orphans to be removed."""
        values = {"projection": projection, "keys": list(keys), "operator": operator}
        self._core.write(_REMOVAL, values)

    def finish(
        self, run: int, projection: str, report: Report, findings: Sequence[Finding]
    ) -> None:
        """Close a run with its counts and findings."""
        rows = [
            {"kind": f.kind, "key": f.key, "class": f.class_, "code": f.code}
            | {"repaired": f.repaired, "seen": f.seen}
            for f in findings
        ]
        values = asdict(report) | {"run": run, "projection": projection, "findings": Jsonb(rows)}
        self._core.write(_FINISH, values)
