"""Parked entities of the ledger: which may be replayed, and whose they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

from shared import settings
from shared.events import Ref

if TYPE_CHECKING:
    from shared.stores.core import CoreDatabase

_NOW = "select clock_timestamp() as now"
_CLAIM = """
select * from sync.claim_replays(%(steps)s, %(filter)s, %(before)s, %(limit)s, %(trace)s,
  %(revision)s)
"""
_CLAIM_OVERDUE = """
select * from sync.claim_overdue(%(steps)s, %(overdue_s)s, %(limit)s, %(trace)s, %(revision)s)
"""
_LEFT = """
select count(*) as count from sync.ledger l
where l.state = 'parked' and (l.replayed_at is null or l.replayed_at < %(before)s)
  and (%(step)s::text is null or l.step = %(step)s)
  and (%(code)s::text is null or l.error_code = %(code)s)
  and (%(kind)s::text is null or l.kind = %(kind)s)
  and (%(older_s)s::float8 is null
       or l.updated_at <= now() - make_interval(secs => %(older_s)s::float8))
  and (%(keys)s::jsonb is null or exists (
         select from jsonb_to_recordset(%(keys)s::jsonb) as k(kind text, key text)
         where k.kind = l.kind and k.key = l.key))
"""
_OF_PATIENT = "select kind, key from sync.patient_entities(%(uid)s)"
_FORGET = """
delete from sync.ledger where step = %(step)s and kind = %(kind)s and key = any(%(keys)s)
  and state = 'parked'
returning key
"""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which parked entities; what is None is no condition. `older_s` is in seconds."""

    step: str | None = None
    code: str | None = None
    kind: str | None = None
    older_s: float | None = None
    keys: tuple[tuple[str, str], ...] | None = None  # (kind, key)
    due: bool = False  # only those whose own time has come


class CoreReplays:
    """Claims parked entities for replays."""

    def __init__(self, core: CoreDatabase) -> None:
        self._core = core

    def now(self) -> datetime:
        """Return core's time: what is replayed after it belongs to this run."""
        return self._core.read(_NOW, {})[0]["now"]

    def claim(
        self, wanted: Filter, steps: Sequence[str], before: datetime, limit: int, trace: str
    ) -> list[tuple[str, Ref]]:
        """Take up to `limit` entities not replayed since `before`, with the step of each."""
        rows = self._core.write(
            _CLAIM,
            {
                "steps": list(steps),
                "filter": Jsonb({n: v for n, v in _conditions(wanted).items() if v is not None}),
                "before": before,
                "limit": limit,
                "trace": trace,
                "revision": settings.revision(),
            },
        )
        return [(row["step"], Ref(row["kind"], row["key"], row["version"])) for row in rows]

    def claim_overdue(
        self, steps: Sequence[str], overdue_s: float, limit: int, trace: str
    ) -> list[tuple[str, Ref]]:
        """
        Take up to `limit` entities that a step refused, or never answered for, and that have not
        come again for so many seconds; return the step of each.
        """
        values = {"steps": list(steps), "overdue_s": overdue_s, "limit": limit}
        values |= {"trace": trace, "revision": settings.revision()}
        rows = self._core.write(_CLAIM_OVERDUE, values)
        return [(row["step"], Ref(row["kind"], row["key"], row["version"])) for row in rows]

    def left(self, wanted: Filter, before: datetime) -> int:
        """Return how many parked entities that fit were not replayed since `before`."""
        keys = _conditions(wanted)["keys"]
        values = _conditions(wanted) | {"keys": None if keys is None else Jsonb(keys)}
        return self._core.read(_LEFT, values | {"before": before})[0]["count"]

    def of_patient(self, uid: str) -> list[tuple[str, str]]:
        """Return kind and key of a patient's entities, as core knows them."""
        return [(r["kind"], r["key"]) for r in self._core.read(_OF_PATIENT, {"uid": uid})]

    def forget(self, step: str, kind: str, keys: Sequence[str]) -> None:
        """Drop parked rows of a step that will judge these entities anew."""
        self._core.write(_FORGET, {"step": step, "kind": kind, "keys": list(keys)})


def _conditions(wanted: Filter) -> dict[str, Any]:
    keys = wanted.keys
    return {
        "due": wanted.due,
        "step": wanted.step,
        "code": wanted.code,
        "kind": wanted.kind,
        "older_s": wanted.older_s,
        "keys": None if keys is None else [{"kind": kind, "key": key} for kind, key in keys],
    }
