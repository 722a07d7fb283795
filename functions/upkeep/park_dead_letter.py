"""
Park what Pub/Sub has given up delivering.

On:         dead-letter
Does:       marks the entities parked in the step whose subscription gave up, with the reason the
            step last recorded
Emits:      nothing
Safe twice: parking a parked entity changes nothing but the journal
Gives up:   never: this subscription has no dead letter of its own and retries until core answers
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from shared import catalog
from shared.errors import PermanentError
from shared.outcomes import Outcome, Outcomes
from shared.runner import Batch
from shared.runtime import step

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.clients import Clients

SOURCE = "CloudPubSubDeadLetterSourceSubscription"


class Ledger(Protocol):
    """The ledger."""

    def record(self, batch: Batch, outcomes: Sequence[Outcome]) -> None: ...

    def last_codes(self, step: str, kind: str, keys: Sequence[str]) -> dict[str, str]: ...


def park(batch: Batch, *, ledger: Ledger) -> Outcomes:
    """Park the refs of a batch in the step that gave up. Raise PermanentError for no such step."""
    given_up = batch.attributes.get(SOURCE, "").replace("-", "_")
    if given_up not in catalog.load().functions:
        raise PermanentError("dead_letter_without_step")
    parked: list[Outcome] = []
    for kind in sorted({ref.kind for ref in batch.refs}):
        refs = [ref for ref in batch.refs if ref.kind == kind]
        codes = ledger.last_codes(given_up, kind, [ref.key for ref in refs])
        parked += [
            Outcome(r, "parked", codes.get(r.key, "attempts_exhausted"), exhausted=True)
            for r in refs
        ]
    ledger.record(Batch(given_up, batch.refs, batch.traceparent), parked)
    return Outcomes(recorded=parked)


@step
def park_dead_letter(batch: Batch, to: Clients) -> Outcomes:
    """Entry point: see the card above."""
    return park(batch, ledger=to.ledger)
