"""How long each chain took per entity: from the source's commit to the last step's record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import quantiles
from typing import Any, LiteralString

import psycopg

from infra.local.demo.stores import accounts, firestore_documents

LAST_STEP = {
    "users": ("user", "admit_user"),
    "profiles": ("user", "store_profile"),
    "documents": ("document", "index_document"),
    "prescriptions": ("prescription", "index_prescription"),
    "appointments": ("appointment", "show_appointment"),
    "erasure": ("erasure", "certify_erasure"),
}
_COMMITTED = (
    "select key, extract(epoch from changed_at)::float8 from sync.outbox where kind = %(kind)s"
)
# An appointment changes several times; what counts is its last change.
_FINISHED = """
select j.key, extract(epoch from min(j.at))::float8 from sync.journal j
left join sync.outbox o on j.kind = 'appointment' and o.kind = j.kind and o.key = j.key
where j.kind = %(kind)s and j.step = %(step)s and j.state = 'done'
  and j.source_version >= coalesce(o.version, 0)
group by j.key
"""
_ORDERED = "select id, extract(epoch from ordered_at)::float8 from sync.erasures"
_PARKED = "select count(distinct key) from sync.ledger where kind = %(kind)s and state = 'parked'"


@dataclass(frozen=True)
class Chain:
    """One row of the demo's table; seconds."""

    name: str
    events: int
    done: int
    parked: int
    p50: float
    p95: float


def chains(stack: Mapping[str, Any]) -> list[Chain]:
    """Return how each chain did."""
    core, supabase = stack["core_dsn"], stack["supabase_dsn"]
    began = {
        "users": {a["localId"]: int(a["createdAt"]) / 1000 for a in accounts(stack)},
        "profiles": {
            d["name"].rpartition("/")[2]: datetime.fromisoformat(d["createTime"]).timestamp()
            for d in firestore_documents(stack, "users")
        },
        "documents": _times(supabase, _COMMITTED, {"kind": "document"}),
        "prescriptions": _times(core, _COMMITTED, {"kind": "prescription"}),
        "appointments": _times(core, _COMMITTED, {"kind": "appointment"}),
        "erasure": _times(core, _ORDERED, {}),
    }
    return [_chain(core, name, starts) for name, starts in began.items()]


def _chain(core: str, name: str, began: Mapping[str, float]) -> Chain:
    kind, last = LAST_STEP[name]
    finished = _times(core, _FINISHED, {"kind": kind, "step": last})
    waits = sorted(finished[key] - start for key, start in began.items() if key in finished)
    with psycopg.connect(core) as connection:
        row = connection.execute(_PARKED, {"kind": kind}).fetchone()
    parked = int(row[0]) if row else 0
    return Chain(name, len(began), len(waits), parked, percentile(waits, 50), percentile(waits, 95))


def percentile(values: Sequence[float], percent: int) -> float:
    """Return a percentile, 0 for no values."""
    if len(values) < 2:
        return values[0] if values else 0.0
    return quantiles(values, n=100, method="inclusive")[percent - 1]


def _times(dsn: str, query: LiteralString, parameters: dict[str, str]) -> dict[str, float]:
    with psycopg.connect(dsn) as connection:
        return dict(connection.execute(query, parameters).fetchall())
