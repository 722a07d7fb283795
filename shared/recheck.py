"""
Write, then see whether the source moved; the way to "the newest source wins" where the target
store cannot compare versions itself.

Two racing steps may write in either order. Each looks at the source's version after its write, in
the same round trip that records the outcome; whoever wrote an old state finds it moved and writes
again. So the last write is always of a state that was still current after it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from shared.errors import TransientError
from shared.events import Ref
from shared.outcomes import Outcome, Outcomes, failed

if TYPE_CHECKING:
    from shared.runner import Batch

_ROUNDS = 3
# Outcomes that are on record, and which of their entities have moved on, with the newer version.
Recorded = tuple[list[Outcome], dict[str, int]]


class Ledger(Protocol):
    """The ledger: records outcomes and tells which of the core entities have moved on."""

    def record_and_recheck(self, batch: Batch, outcomes: Sequence[Outcome]) -> dict[str, int]: ...


def until_still(
    batch: Batch, write: Callable[[Sequence[Ref]], list[Outcome]], ledger: Ledger
) -> Outcomes:
    """Write the batch, again for what moved meanwhile; what keeps moving is redelivered."""

    def recorded(refs: Sequence[Ref]) -> Recorded:
        outcomes = write(refs)
        return outcomes, ledger.record_and_recheck(batch, outcomes)

    return until_still_as_recorded(batch, recorded)


def until_still_as_recorded(batch: Batch, write: Callable[[Sequence[Ref]], Recorded]) -> Outcomes:
    """The same for a write that records and rechecks by itself."""
    final: dict[str, Outcome] = {}
    refs: Sequence[Ref] = batch.refs
    for _ in range(_ROUNDS):
        outcomes, moved = write(refs)
        final |= {outcome.ref.key: outcome for outcome in outcomes}
        refs = [Ref(ref.kind, ref.key, moved[ref.key]) for ref in refs if ref.key in moved]
        if not refs:
            return Outcomes(recorded=list(final.values()))
    moving = {ref.key for ref in refs}
    return Outcomes(
        recorded=[outcome for key, outcome in final.items() if key not in moving],
        unrecorded=[failed(ref, TransientError("source_keeps_moving")) for ref in refs],
    )
