"""
Tell a patient that there is a prescription, that it was changed, or that it was revoked.

On:         prescription-indexed
Does:       compares what the prescription says with what the patient was told; lays a note into the
            inbox and pushes to the patient's devices. Notes of a revoked or deleted prescription
            lose their link
Emits:      nothing, the chain's end
Safe twice: a piece of news is claimed once, under the version it came with; a push that is sent
            again replaces itself on the device
Gives up:   the push service refuses the message: parked. Without consent or a device there is the
            note alone; what is older than a week is no news
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared import settings
from shared.notices.notifying import notify
from shared.runtime import core_first, step

if TYPE_CHECKING:
    from shared.clients import Clients
    from shared.outcomes import Outcomes
    from shared.runner import Batch


@step
@core_first
def notify_prescription(batch: Batch, to: Clients) -> Outcomes:
    """Entry point: see the card above."""
    return notify(
        batch,
        "prescription",
        notifications=to.core_notifications,
        inboxes=to.inboxes,
        messaging=to.messaging,
        namespace=settings.id_namespace(),
    )
