"""
Find where two stores disagree, and have the ordinary chain repair it.

Both sides are digested by buckets, at the same time; only where a bucket differs are its rows
compared. The target's are read before the source's: what the source gains meanwhile then shows as
missing, and is known to be under way, while nothing of the target's can look like an orphan for
having been made too late.

Nothing is deleted on suspicion. What is missing or stale is announced again by its source, and so
is an orphan whose source says that it was deleted; any other orphan is for a person to look at.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from shared.repair.projections import Projection, Row
from shared.stores.core_findings import Finding, Report, Standing

if TYPE_CHECKING:
    from shared.repair.digests import Side, Sums

GRACE_S = 120.0  # what moved so lately may still be on its way
_MOST_ROWS = 20_000  # of each side, looked into by one run: bounds memory and repairs alike
_PAGE = 1_000

Drift = dict[str, Row]  # by what the target calls the entity


class Findings(Protocol):
    """Where runs and findings are kept."""

    def begin(self, projection: str, *, dry_run: bool) -> int: ...

    def standing(
        self, projection: Projection, keys: Sequence[str], age_s: float
    ) -> dict[str, Standing]: ...

    def finish(
        self, run: int, projection: str, report: Report, findings: Sequence[Finding]
    ) -> None: ...


@dataclass(frozen=True)
class Reconciliation:
    """One comparison with all it needs. `announce` makes the source announce entities again."""

    projection: Projection
    source: Side
    target: Side
    findings: Findings
    announce: Callable[[Sequence[str]], object]
    name: Callable[[str], str]  # what the target calls an entity of the source
    grace_s: float = GRACE_S
    at_once: bool = True  # digest both sides at the same time, each in a thread

    def run(self, *, dry_run: bool = False) -> tuple[Report, list[Finding]]:
        """Compare, repair unless `dry_run`, and record; return the counts and the findings."""
        began, report = time.monotonic(), Report()
        number = self.findings.begin(self.projection.name, dry_run=dry_run)
        found: list[Finding] = []
        missing, extra = self._compare(report)
        if missing or extra:
            age_s = self.grace_s + time.monotonic() - began
            found = self._judge(missing, extra, report, age_s)
        repairable = [f for f in found if f.repaired]
        if dry_run:
            found = [replace(f, repaired=False) for f in found]
        else:
            for start in range(0, len(repairable), _PAGE):
                self.announce([f.key for f in repairable[start : start + _PAGE]])
            report.repaired = len(repairable)
        report.found = len(found)
        self.findings.finish(number, self.projection.name, report, found)
        return report, found

    def _compare(self, report: Report) -> tuple[Drift, Drift]:
        """Return the rows that only the source has, and those that only the target has."""
        left, right = self._digests()
        report.source_rows, report.target_rows = left.count, right.count
        differing = left.differing(right)
        report.differing_buckets = len(differing)
        wanted = _affordable(differing, left, right)
        report.complete = len(wanted) == len(differing)
        if not wanted:
            return {}, {}
        # Lists, in the order of the sides: what is announced keeps it, run after run.
        target = [(row.entity, row) for row in dict.fromkeys(self.target.rows(wanted))]
        listed = self.source.rows(wanted)
        report.rows_read = len(target) + len(listed)
        source = [(self.name(row.entity), row) for row in listed]
        have = {(entity, row.key, row.hash) for entity, row in target}
        want = {(entity, row.key, row.hash) for entity, row in source}
        return (
            {e: row for e, row in source if (e, row.key, row.hash) not in have},
            {e: row for e, row in target if (e, row.key, row.hash) not in want},
        )

    def _digests(self) -> tuple[Sums, Sums]:
        """Return the digests of source and target."""
        if not self.at_once:
            return self.source.digests(), self.target.digests()
        with ThreadPoolExecutor(1) as other:
            right = other.submit(copy_context().run, self.target.digests)
            return self.source.digests(), right.result()

    def _judge(self, missing: Drift, extra: Drift, report: Report, age_s: float) -> list[Finding]:
        """Classify; a finding that says `repaired` is to be."""
        kind = self.projection.kind
        orphans = extra.keys() - missing.keys()
        deleted = self.source.deleted(kind, set(orphans), self.name) if orphans else {}
        strays = sorted(orphans - deleted.keys())
        found = [
            Finding(kind, row.entity, "stale" if name in extra else "missing",
                    seen=_seen(row, extra.get(name)))
            for name, row in missing.items()
        ] + [
            Finding(kind, key, "orphan", "source_deleted", seen=_seen(None, extra[name]))
            for name, key in deleted.items()
        ]  # fmt: skip
        keys = [f.key for f in found]
        standing = self.findings.standing(self.projection, [*keys, *strays], age_s)
        moving = self.source.moving(kind, keys, age_s) if keys else set[str]()
        moving |= {key for key, known in standing.items() if known.moving}
        found += [Finding(kind, name, "orphan", seen=_seen(None, extra[name])) for name in strays]
        report.in_flight = sum(f.key in moving for f in found)
        return [_judged(f, standing[f.key]) for f in found if f.key not in moving]


def _judged(found: Finding, known: Standing) -> Finding:
    """Say whether a finding is to be repaired, or why it is not."""
    if found.class_ == "orphan" and found.code is None:
        return found
    if known.state == "conflict":
        return replace(found, class_="conflict")
    if known.state == "parked":
        return replace(found, code="parked")
    if known.tried == found.seen:
        return replace(found, code="persists")
    return replace(found, repaired=True)


def _seen(source: Row | None, target: Row | None) -> str:
    return f"{source.hash if source else ''}:{target.hash if target else ''}"


def _affordable(differing: Sequence[int], left: Sums, right: Sums) -> list[int]:
    """Return as many of the differing buckets as one run may look into, at least one."""
    wanted: list[int] = []
    rows = 0
    for number in differing:
        rows += max(left.rows[number], right.rows[number])
        if wanted and rows > _MOST_ROWS:
            break
        wanted.append(number)
    return wanted
