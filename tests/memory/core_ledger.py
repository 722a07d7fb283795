"""What core in memory keeps of what happened: ledger, journal, conflicts, and who is awaited."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from shared.events import Ref
from shared.outcomes import Outcome
from tests.memory.awaited import Awaited
from tests.memory.place import Place, alias

_LONGEST_WAIT_S = 3600
_MOST_REPLAYS = 8


@dataclass
class LedgerRow:
    """Where an entity stands in a step: a row of `sync.ledger`."""

    state: str
    source_version: int
    seen_version: int
    attempts: int
    error_code: str | None
    exhausted: bool = False
    next_retry_at: float | None = None  # not before: a provider's wait, or the next replay
    updated_at: float = 0.0
    replays: int = 0  # since the last success
    replayed_at: float | None = None
    digest: int | None = None


@dataclass(frozen=True)
class JournalRow:
    """Something that happened: a row of `sync.journal`."""

    kind: str
    key: str
    step: str
    version: int
    state: str
    code: str | None
    trace_id: str | None
    at: float = 0.0


class MemoryCoreLedger(Place):
    """Records what became of entities; of erased patients' the journal knows, under an alias."""

    def __init__(self) -> None:
        super().__init__()
        self.ledger_rows: dict[tuple[str, str, str], LedgerRow] = {}  # by kind, key, step
        self.journal_rows: list[JournalRow] = []
        self.awaited = Awaited(self)
        self.tombstones: dict[str, str] = {}  # alias -> erasure
        self.open_conflicts: dict[tuple[str, str, str, str], str] = {}  # kind, key, step, field
        self.all_conflicts: list[dict[str, Any]] = []  # opened ever, decided or not

    def source_version(self, kind: str, key: str, step: str) -> int:
        """Return the newest version a step has written, 0 for none."""
        row = self.ledger_rows.get((kind, key, step))
        return row.source_version if row else 0

    def record(self, step: str, traceparent: str, outcomes: Iterable[Outcome]) -> None:
        """Write outcomes to ledger, conflicts and journal: `sync.record`."""
        trace = traceparent[3:35] or None
        for given in outcomes:
            outcome = self._aliased(given)
            ref = outcome.ref
            entity, how = (ref.kind, ref.key), (ref.version, outcome.state, outcome.code)
            self.journal_rows.append(JournalRow(*entity, step, *how, trace, self.clock()))
            self.awaited.follow(*entity, step, outcome.state)
            if outcome is given and self._record_state(step, outcome):
                self._record_conflicts(step, outcome)

    def note_announced(self, step: str, traceparent: str, refs: Iterable[Ref]) -> None:
        """Write to the journal that a caller announced entities: `sync.note_announced`."""
        trace = traceparent[3:35] or None
        for outcome in (self._aliased(Outcome(ref, "announced")) for ref in refs):
            at = (outcome.ref.kind, outcome.ref.key)
            told = JournalRow(*at, step, 0, outcome.state, None, trace, self.clock())
            self.journal_rows.append(told)
            self.awaited.follow(*at, step, outcome.state)

    def _aliased(self, outcome: Outcome) -> Outcome:
        ref = outcome.ref
        hashed = alias(ref.kind, ref.key)
        if hashed not in self.tombstones:
            return outcome
        return replace(outcome, ref=replace(ref, key=hashed), conflicts=())

    def _record_state(self, step: str, outcome: Outcome) -> bool:
        ref, failing = outcome.ref, outcome.state in {"retrying", "parked"}
        known = self.ledger_rows.get((ref.kind, ref.key, step), LedgerRow("", 0, 0, 0, None))
        if 0 < ref.version < known.source_version:
            return False
        self.ledger_rows[ref.kind, ref.key, step] = LedgerRow(
            outcome.state,
            max(known.source_version, 0 if failing else ref.version),
            max(known.seen_version, ref.version),
            known.attempts + 1 if failing else 0,
            outcome.code,
            outcome.state == "parked" and outcome.exhausted,
            self._not_before(outcome, known.replays),
            self.clock(),
            known.replays if failing else 0,
            known.replayed_at,
            known.digest if outcome.digest is None else outcome.digest,
        )
        return True

    def _not_before(self, outcome: Outcome, replays: int) -> float | None:
        """Return when a provider allows the next attempt, or when the next replay is due."""
        wait = min(outcome.retry_after or 0, _LONGEST_WAIT_S)
        if outcome.state == "retrying" and wait > 0:
            return self.clock() + wait
        rest = replay_pause(replays) if outcome.state == "parked" and outcome.exhausted else None
        return None if rest is None else self.clock() + rest

    def _record_conflicts(self, step: str, outcome: Outcome) -> None:
        at = (outcome.ref.kind, outcome.ref.key, step)
        named = {
            conflict.field: conflict.other
            for conflict in sorted(
                outcome.conflicts, key=lambda c: (c.field, c.other), reverse=True
            )
        }
        if outcome.state in {"done", "conflict", "gone"}:
            for key in [k for k in self.open_conflicts if k[:3] == at and k[3] not in named]:
                self.close_conflict(key, "cleared")
        for field, other in named.items():
            self._open_conflict((*at, field), other)

    def close_conflict(self, at: tuple[str, str, str, str], resolution: str) -> None:
        """Close an open conflict."""
        del self.open_conflicts[at]
        (row,) = [c for c in self.all_conflicts if c["at"] == at and c["resolution"] is None]
        row["resolution"] = resolution

    def _open_conflict(self, at: tuple[str, str, str, str], other: str) -> None:
        same = [c for c in self.all_conflicts if c["at"] == at]
        if any(c["resolution"] == "keep_other" and c["other"] == other for c in same):
            return
        if at in self.open_conflicts:
            next(c for c in same if c["resolution"] is None)["other"] = other
        else:
            number = len(self.all_conflicts) + 1
            row = {"id": number, "at": at, "other": other, "resolution": None}
            seen = {"looked_at": self.clock(), "as_of": self._version}
            self.all_conflicts.append(row | seen)
        self.open_conflicts[at] = other


def replay_pause(replays: int) -> float | None:
    """Return how long an exhausted entity rests, in seconds: `sync.replay_pause`, not spread."""
    return min(600.0 * 2**replays, 86_400.0) if replays < _MOST_REPLAYS else None
