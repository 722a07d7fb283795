"""
Announce deletions again whose file is still in Storage.

Where core never had the upload, or has removed it already, its stores agree and no comparison finds
anything: the file left over is the one trace that the message of the deletion was lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from shared.repair.projections import PROJECTIONS

if TYPE_CHECKING:
    from shared.repair.projections import Projection
    from shared.stores.core_findings import Standing

_PAGE = 100


class Removals(Protocol):
    """Which files deleted documents have left."""

    def left_files(self, overdue_s: float, after: str | None, limit: int) -> list[str]: ...


class Findings(Protocol):
    """What the ledger knows of entities."""

    def standing(
        self, projection: Projection, keys: Sequence[str], age_s: float
    ) -> dict[str, Standing]: ...


class Outbox(Protocol):
    """Supabase's outbox."""

    def announce_again(self, kind: str, keys: Sequence[str]) -> int: ...


def announce_left(
    *, removals: Removals, findings: Findings, outbox: Outbox, overdue_s: float
) -> dict[str, int]:
    """
    Announce again those announced so long ago that are neither parked, which is a person's, nor
    worked at since. Return {"left_files"}: how many.
    """
    projection, announced = PROJECTIONS["documents"], 0
    page = removals.left_files(overdue_s, None, _PAGE)
    while page:
        known = findings.standing(projection, page, overdue_s)
        again = [key for key in page if known[key].state is None and not known[key].moving]
        announced += outbox.announce_again(projection.kind, again) if again else 0
        page = removals.left_files(overdue_s, page[-1], _PAGE)
    return {"left_files": announced}
