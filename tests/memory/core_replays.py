"""Parked entities of the ledger, in memory."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from shared.events import Ref
from tests.memory.awaited import AwaitedRow
from tests.memory.core import MemoryCore
from tests.memory.core_erasing import entities_of
from tests.memory.core_ledger import JournalRow, LedgerRow, replay_pause
from tests.memory.place import alias

if TYPE_CHECKING:
    from shared.stores.core_replays import Filter

At = tuple[str, str, str]
Waiting = tuple[float, At, LedgerRow | AwaitedRow]  # since when


class MemoryCoreReplays:
    """Claims parked entities for replays."""

    def __init__(self, core: MemoryCore) -> None:
        self._core = core

    def now(self) -> datetime:
        """Return core's time: what is replayed after it belongs to this run."""
        with self._core.effect("core_replays.now"):
            return datetime.fromtimestamp(self._core.clock(), UTC)

    def claim(
        self, wanted: Filter, steps: Sequence[str], before: datetime, limit: int, trace: str
    ) -> list[tuple[str, Ref]]:
        """Take up to `limit` entities not replayed since `before`, with the step of each."""
        with self._core.effect("core_replays.claim"):
            fitting = [
                at
                for at in self._fitting(wanted, before)
                if at[0] != "message" and at[2] in steps and self._is_due(wanted, at)
            ]
            fitting.sort(key=lambda at: self._core.ledger_rows[at].updated_at)
            return [self._claimed(at, trace) for at in fitting[:limit]]

    def claim_overdue(
        self, steps: Sequence[str], overdue_s: float, limit: int, trace: str
    ) -> list[tuple[str, Ref]]:
        """Take up to `limit` entities that a step refused or never answered for."""
        with self._core.effect("core_replays.claim_overdue"):
            oldest, core = self._core.clock() - overdue_s, self._core
            refused = [
                (row.updated_at, at, row)
                for at, row in core.ledger_rows.items()
                if row.state == "retrying" and at[2] in steps
                if max(row.updated_at, row.next_retry_at or 0, row.replayed_at or 0) < oldest
            ]
            unanswered = [
                (row.since, at, row)
                for at, row in core.awaited.rows.items()
                if at[2] in steps and max(row.since, row.replayed_at or 0) < oldest
            ]
            living = [u for u in _first(limit, unanswered) if not self._pass_over(u[1])]
            due = _first(limit, [*_first(limit, refused), *living])
            for _, _, row in due:
                row.replayed_at = core.clock()
            return [self._overdue(at, trace) for at in dict.fromkeys(at for _, at, _ in due)]

    def _pass_over(self, at: At) -> bool:
        """Await an erased patient's entity no more; tell whether it is one."""
        own = set[str]() if at[0] == "erasure" else {at[1]}  # whose key is an alias, too
        buried = not self._core.tombstones.keys().isdisjoint(own | {alias(*at[:2])})
        if buried:
            del self._core.awaited.rows[at]
        return buried

    def _overdue(self, at: At, trace: str) -> tuple[str, Ref]:
        kind, key, step = at
        row = self._core.ledger_rows.get(at)
        version, now = row.seen_version if row else 0, self._core.clock()
        told = JournalRow(kind, key, step, version, "replayed", None, trace, now)
        self._core.journal_rows.append(told)
        return step, Ref(kind, key, version)

    def of_patient(self, uid: str) -> list[tuple[str, str]]:
        """Return kind and key of a patient's entities."""
        with self._core.effect("core_replays.of_patient"):
            return entities_of(self._core, uid)

    def left(self, wanted: Filter, before: datetime) -> int:
        """Return how many parked entities that fit were not replayed since `before`."""
        with self._core.effect("core_replays.left"):
            return len(self._fitting(wanted, before))

    def forget(self, step: str, kind: str, keys: Sequence[str]) -> None:
        """Drop parked rows of a step that will judge these entities anew."""
        with self._core.effect("core_replays.forget"):
            for key in keys:
                row = self._core.ledger_rows.get((kind, key, step))
                if row and row.state == "parked":
                    del self._core.ledger_rows[kind, key, step]
                    self._core.awaited.drop(kind, key, step)

    def _claimed(self, at: At, trace: str) -> tuple[str, Ref]:
        (kind, key, step), row, now = at, self._core.ledger_rows[at], self._core.clock()
        row.replays, row.replayed_at = row.replays + 1, now
        rest = replay_pause(row.replays) if row.exhausted else None
        row.next_retry_at = None if rest is None else now + rest
        self._core.journal_rows.append(
            JournalRow(kind, key, step, row.seen_version, "replayed", None, trace, now)
        )
        return step, Ref(kind, key, row.seen_version)

    def _fitting(self, wanted: Filter, before: datetime) -> list[At]:
        return [
            at
            for at, row in sorted(self._core.ledger_rows.items())
            if self._is_parked(row, before) and self._fits(wanted, at, row)
        ]

    def _is_parked(self, row: LedgerRow, before: datetime) -> bool:
        """Tell whether it is parked, and was not replayed since then."""
        replayed = row.replayed_at is not None and row.replayed_at >= before.timestamp()
        return row.state == "parked" and not replayed

    def _is_due(self, wanted: Filter, at: At) -> bool:
        row = self._core.ledger_rows[at]
        rested = row.next_retry_at is not None and row.next_retry_at <= self._core.clock()
        return not wanted.due or (row.exhausted and rested)

    def _fits(self, wanted: Filter, at: At, row: LedgerRow) -> bool:
        kind, key, step = at
        return (
            wanted.step in {None, step}
            and wanted.code in {None, row.error_code}
            and wanted.kind in {None, kind}
            and (wanted.keys is None or (kind, key) in wanted.keys)
            and self._core.clock() - row.updated_at >= (wanted.older_s or 0)
        )


def _first(limit: int, waiting: Sequence[Waiting]) -> list[Waiting]:
    """Return those that wait longest."""
    return sorted(waiting, key=lambda w: w[0])[:limit]
