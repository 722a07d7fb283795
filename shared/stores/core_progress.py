"""What is unfinished, by the ledger: unsent outbox rows, refused entities, lagging successors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg.types.json import Jsonb

if TYPE_CHECKING:
    from shared.catalog import Catalog
    from shared.stores.core import CoreDatabase

# An entity lags between two steps when the later one has not recorded anything since the earlier
# one last forwarded it.
_UNFINISHED = """
with edge as (
  select * from jsonb_to_recordset(%(edges)s) as e(step text, next text)
), lagging as (
  select count(*) as n from edge e
  join sync.ledger a on a.step = e.step and a.state in ('done', 'conflict')
  left join sync.ledger b on b.kind = a.kind and b.key = a.key and b.step = e.next
  where b.step is null or b.updated_at < a.updated_at
)
select (select count(*) from sync.outbox where sent_at is null) as unsent,
       (select count(*) from sync.ledger where state = 'retrying') as retrying,
       (select count(*) from sync.ledger where state = 'parked') as parked,
       (select count(*) from sync.conflicts where resolved_at is null) as conflicts,
       (select n from lagging) as lagging
"""


class CoreProgress:
    """Counts what is unfinished."""

    def __init__(self, core: CoreDatabase) -> None:
        self._core = core

    def unfinished(self, catalog: Catalog) -> dict[str, int]:
        """Return counts: unsent, retrying, parked, conflicts, lagging."""
        edges = [
            {"step": function.name, "next": successor.name}
            for function in catalog.steps()
            for topic in function.emits
            for successor in catalog.consumers(topic)
        ]
        return dict(self._core.read(_UNFINISHED, {"edges": Jsonb(edges)})[0])
