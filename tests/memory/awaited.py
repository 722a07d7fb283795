"""Who waits for whom: what was sent to a step that has not answered yet, in memory."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared import catalog

if TYPE_CHECKING:
    from tests.memory.place import Place

At = tuple[str, str, str]


@dataclass
class AwaitedRow:
    """Since when a step is awaited by whom: a row of `sync.awaited`."""

    origin: str
    since: float
    replayed_at: float | None = None


class Awaited:
    """The rows of `sync.awaited`, by kind, key and step; kept as its triggers keep them."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self.rows: dict[At, AwaitedRow] = {}

    def follow(self, kind: str, key: str, step: str, state: str) -> None:
        """Follow what is written in the journal: who answers, and who forwards or announces."""
        self.rows.pop((kind, key, step), None)
        if state == "parked" and step in _announcers():
            for at in [at for at in self.rows if at[:2] == (kind, key)]:
                if self.rows[at].origin == step:
                    del self.rows[at]
        if state in {"done", "conflict", "announced"}:
            for successor in [*_edges().get((step, ""), ()), *_edges().get((step, kind), ())]:
                row = AwaitedRow(step, self._place.clock())
                self.rows.setdefault((kind, key, successor), row)

    def drop(self, kind: str, key: str, step: str) -> None:
        """Forget what a step that forgets the entity awaits, and who awaits it."""
        for at in [at for at in self.rows if at[:2] == (kind, key)]:
            if step in {at[2], self.rows[at].origin}:
                del self.rows[at]

    def forget(self, entities: set[tuple[str, str]]) -> None:
        """Forget buried entities."""
        self.rows = {at: row for at, row in self.rows.items() if at[:2] not in entities}


@functools.cache
def _edges() -> dict[tuple[str, str], list[str]]:
    found: dict[tuple[str, str], list[str]] = {}
    for edge in catalog.load().edges():
        found.setdefault((edge["origin"], edge["kind"]), []).append(edge["step"])
    return found


@functools.cache
def _announcers() -> set[str]:
    return {origin for origin, kind in _edges() if kind}
