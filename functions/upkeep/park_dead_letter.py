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

from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from shared import catalog
from shared.errors import PermanentError
from shared.outcomes import Outcome, Outcomes, done
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
        # Without the version: the step may have written a newer one and failed to pass it on, and
        # the ledger would take the parking for old news. What is parked needlessly heals by retry.
        unversioned = [replace(ref, version=0) for ref in refs]
        parked += [
            Outcome(ref, "parked", codes.get(ref.key, "attempts_exhausted"), exhausted=True)
            for ref in unversioned
        ]
    ledger.record(Batch(given_up, batch.refs, batch.traceparent), parked)
    # Done in this step's own row too: an earlier refusal would leave it "retrying" for ever.
    return Outcomes(unrecorded=[done(ref) for ref in batch.refs])


@step
def park_dead_letter(batch: Batch, to: Clients) -> Outcomes:
    """Entry point: see the card above."""
    return park(batch, ledger=to.ledger)
