"""Parked entities of the ledger, in memory. How long they rest is the real ledger's to know."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from shared.events import Ref
from tests.memory.core import LedgerRow, MemoryCore
from tests.memory.core_erasing import entities_of

if TYPE_CHECKING:
    from shared.stores.core_replays import Filter

At = tuple[str, str, str]


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
            fitting = [at for at in self._fitting(wanted, before) if at[2] in steps]
            claimed = [(at, self._core.ledger_rows[at]) for at in fitting[:limit]]
            for _, row in claimed:
                row.replayed_at = self._core.clock()
            return [(step, Ref(kind, key, row.seen_version)) for (kind, key, step), row in claimed]

    def of_patient(self, uid: str) -> list[tuple[str, str]]:
        """Return kind and key of a patient's entities."""
        with self._core.effect("core_replays.of_patient"):
            return entities_of(self._core, uid)

    def left(self, wanted: Filter, before: datetime) -> int:
        """Return how many parked entities that fit were not replayed since `before`."""
        with self._core.effect("core_replays.left"):
            return len(list(self._fitting(wanted, before)))

    def forget(self, step: str, kind: str, keys: Sequence[str]) -> None:
        """Drop parked rows of a step that will judge these entities anew."""
        with self._core.effect("core_replays.forget"):
            for key in keys:
                row = self._core.ledger_rows.get((kind, key, step))
                if row and row.state == "parked":
                    del self._core.ledger_rows[kind, key, step]

    def _fitting(self, wanted: Filter, before: datetime) -> Iterator[At]:
        for at, row in sorted(self._core.ledger_rows.items()):
            parked = row.state == "parked" and row.replayed_at < before.timestamp()
            if parked and at[0] != "message" and self._fits(wanted, at, row):
                yield at

    def _fits(self, wanted: Filter, at: At, row: LedgerRow) -> bool:
        kind, key, step = at
        return (
            wanted.step in {None, step}
            and wanted.code in {None, row.error_code}
            and wanted.kind in {None, kind}
            and (wanted.keys is None or (kind, key) in wanted.keys)
            and self._core.clock() - row.updated_at >= (wanted.older_s or 0)
            and (row.exhausted or not wanted.due)
        )
