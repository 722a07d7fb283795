"""Runs of reconciliation and what they found, in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from shared.stores.core_findings import Finding, Report, Standing
from tests.memory.core import MemoryCore
from tests.memory.place import alias

if TYPE_CHECKING:
    from shared.repair.projections import Projection


@dataclass
class Run:
    """One comparison: a row of `sync.reconcile_runs` with its findings, by kind and key."""

    projection: str
    dry: bool
    finished_at: float | None = None
    complete: bool = False
    found: dict[tuple[str, str], Finding] = field(default_factory=dict[tuple[str, str], Finding])


class MemoryCoreFindings:
    """Keeps runs and findings."""

    def __init__(self, core: MemoryCore) -> None:
        self._core = core

    def rested(self, projection: str, rest_s: float) -> bool:
        """Tell whether the last whole run of a comparison ended at least so many seconds ago."""
        with self._core.effect("core_findings.rested"):
            since = self._core.clock() - rest_s
            return not any(
                run.complete and (run.finished_at or since) > since
                for run in self._core.runs
                if run.projection == projection and not run.dry
            )

    def begin(self, projection: str, *, dry_run: bool) -> int:
        """Open a run; return its number."""
        with self._core.effect("core_findings.begin"):
            self._core.runs.append(Run(projection, dry_run))
            return len(self._core.runs)

    def standing(
        self, projection: Projection, keys: Sequence[str], age_s: float
    ) -> dict[str, Standing]:
        """Return what the ledger knows of entities; `age_s` is how recent counts as moving."""
        with self._core.effect("core_findings.standing"):
            return {key: self._standing(projection, key, age_s) for key in keys}

    def _standing(self, projection: Projection, key: str, age_s: float) -> Standing:
        rows = [self._core.ledger_rows.get((projection.kind, key, s)) for s in projection.steps]
        known = [row for row in rows if row is not None]
        states = {row.state for row in known}
        worked_at = max((row.updated_at for row in known), default=None)
        lately = worked_at is not None and worked_at > self._core.clock() - age_s
        held = "parked" if "parked" in states else self._conflict(projection, key)
        tried = self._tried(projection, key, worked_at)
        return Standing("retrying" in states or lately, held, tried)

    def _conflict(self, projection: Projection, key: str) -> str | None:
        waiting = self._core.open_conflicts
        at = [(kind, of, step) for kind, of, step, _ in waiting]
        found = any((projection.kind, key, step) in at for step in projection.steps)
        return "conflict" if found else None

    def _tried(self, projection: Projection, key: str, worked_at: float | None) -> str | None:
        """Return what the last run saw and repaired, if the steps have worked since."""
        for run in reversed(self._core.runs):
            if run.projection == projection.name and run.finished_at is not None and not run.dry:
                found = run.found.get((projection.kind, key))
                worked = worked_at is not None and worked_at > run.finished_at
                vain = found and (found.code == "persists" or (found.repaired and worked))
                return found.seen if found and vain else None
        return None

    def stored_versions(self, step: str, kind: str, keys: Sequence[str]) -> dict[str, int]:
        """Return the version of each entity that a step has written last."""
        with self._core.effect("core_findings.stored_versions"):
            rows = {key: self._core.ledger_rows.get((kind, key, step)) for key in keys}
            return {key: row.source_version for key, row in rows.items() if row}

    def note_removal(self, projection: str, keys: Sequence[str], operator: str) -> None:
        """Write down who orders which orphans to be removed."""
        with self._core.effect("core_findings.note_removal"):
            self._core.removals += [(projection, key, operator) for key in keys]

    def finish(
        self, run: int, projection: str, report: Report, findings: Sequence[Finding]
    ) -> None:
        """Close a run with its counts and findings, but those of erased patients."""
        with self._core.effect("core_findings.finish"):
            row, buried = self._core.runs[run - 1], self._core.tombstones
            row.found = {(f.kind, f.key): f for f in findings if alias(f.kind, f.key) not in buried}
            row.finished_at, row.complete = self._core.clock(), report.complete
