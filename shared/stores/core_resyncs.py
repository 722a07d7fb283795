"""Progress of resyncs, in core; and how much there is to announce."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from shared.stores.core import CoreDatabase
    from shared.stores.supabase import Supabase

_BEGIN = """
insert into sync.resyncs (kind, place, most) values (%(kind)s, %(place)s, %(most)s) returning *
"""
_OPEN = """
update sync.resyncs set state = 'running', most = %(most)s where id = (
  select max(id) from sync.resyncs where kind = %(kind)s and place = %(place)s)
  and state <> 'done' returning *
"""
_NOTE = """
update sync.resyncs set after = %(after)s, announced = %(announced)s, state = %(state)s,
  updated_at = now() where id = %(id)s returning id
"""
_MEASURE = "select * from sync.measure(%(kind)s)"


@dataclass(slots=True)
class Resync:
    """One resync. `most` is its budget in entities, None for no bound."""

    id: int
    after: str | None
    announced: int
    most: int | None
    state: str


class CoreResyncs:
    """Keeps where resyncs are."""

    def __init__(self, core: CoreDatabase) -> None:
        self._core = core

    def begin(self, kind: str, place: str, most: int | None, *, resume: bool) -> Resync:
        """Return the last unfinished resync of a kind if it is to go on, else a new one."""
        values: dict[str, Any] = {"kind": kind, "place": place, "most": most}
        rows = self._core.write(_OPEN, values) if resume else []
        row = rows[0] if rows else self._core.write(_BEGIN, values)[0]
        return Resync(row["id"], row["after"], row["announced"], row["most"], row["state"])

    def note(self, resync: Resync) -> None:
        """Write down where a resync is."""
        values = {"id": resync.id, "after": resync.after, "announced": resync.announced}
        self._core.write(_NOTE, values | {"state": resync.state})

    def measure(self, kind: str) -> tuple[int, float]:
        """Return how many entities a kind of core has, and their characters on average."""
        row = self._core.read(_MEASURE, {"kind": kind})[0]
        return row["entities"], row["characters"]


def measure_uploads(supabase: Supabase) -> tuple[int, float]:
    """Return how many uploads Supabase has, and their characters on average."""
    (row,) = supabase.call("measure", {"p_kind": "document"})
    return row["entities"], row["characters"]
