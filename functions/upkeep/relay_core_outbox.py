"""
Announce what core's outbox holds.

On:         schedule, or a POST by the backend right after it wrote
Does:       leases unsent rows, publishes their refs, settles them; parks what cannot be announced;
            forgets deletions announced long ago
Emits:      appointment-changed, prescription-changed, user-stored, erasure-ordered
Safe twice: rows are leased under a token; overlapping runs take different rows
Gives up:   never; what is left when the time is up is the next run's
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shared.relay import sweep
from shared.runtime import endpoint

if TYPE_CHECKING:
    from flask import Request

    from shared.clients import Clients

_BUDGET_S = 45.0


@endpoint
def relay_core_outbox(request: Request, to: Clients) -> dict[str, Any]:
    """Announce until the outbox is empty or the time is up."""
    del request  # carries nothing: the outbox tells what to do
    return sweep(
        "relay_core_outbox",
        "core",
        to.core_outbox,
        to.publish,
        to.ledger.record,
        budget_s=_BUDGET_S,
    )
