"""The canary's account in core, in memory: `sync.canary`, and what the backend's part of it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from tests.memory.core import APPOINTMENT, MemoryCore, Row

if TYPE_CHECKING:
    from shared.repair.canary_ways import Watch


class MemoryCoreCanary:
    """Touches and watches the canary."""

    def __init__(self, core: MemoryCore) -> None:
        self._core = core

    def passages(self, watches: Iterable[Watch]) -> dict[str, tuple[float, dict[str, str]]]:
        """Return by way: seconds since the last touch, and the state in each step since then."""
        with self._core.effect("core_canary.passages"):
            ways = {watch.name: watch for watch in watches}
            now = self._core.clock()
            return {
                name: (now - row["touched_at"], self._seen(ways[name], row))
                for name, row in self._core.canary.items()
            }

    def judge(self, verdicts: Mapping[str, str | None]) -> None:
        """Record by kind which step is stalled, None for none."""
        with self._core.effect("core_canary.judge"):
            for kind, step in verdicts.items():
                self._core.canary[kind]["stalled_step"] = step

    def note(self, entities: Sequence[tuple[str, str]]) -> None:
        """Record that entities are about to be touched."""
        with self._core.effect("core_canary.note"):
            self._note(entities)

    def touch(self, uid: str, run: str) -> list[tuple[str, str]]:
        """Change and note what the canary has in core, as the backend does; return kind and key."""
        with self._core.effect("core_canary.touch"):
            user = self._core.user_by_uid(uid)
            if user is None or user["id"] not in self._core.patient_rows:
                return []
            touched = [("appointment", f"{uid}-visit"), ("prescription", f"{uid}-prescription")]
            self._note(touched)
            start = APPOINTMENT["created_at"] + timedelta(seconds=self._core.clock())
            times = {"start": start, "end": start + timedelta(days=1)}
            self._core.put_appointment(f"{uid}-visit", user["id"], status="COMPLETED", **times)
            self._core.put_prescription(f"{uid}-prescription", user["id"], summary={"notes": run})
            return touched

    def _note(self, entities: Sequence[tuple[str, str]]) -> None:
        for kind, key in entities:
            known = self._core.canary.get(kind, {"stalled_step": None})
            self._core.canary[kind] = known | {"key": key, "touched_at": self._core.clock()}

    def _seen(self, watch: Watch, row: Row) -> dict[str, str]:
        entity = (watch.kind, row["key"])
        seen = [
            r
            for r in self._core.journal_rows
            if (r.kind, r.key) == entity and r.at >= row["touched_at"]
        ]
        traces = {r.trace_id for r in seen if r.step in watch.starts()}
        return {r.step: r.state for r in seen if r.trace_id in traces}
