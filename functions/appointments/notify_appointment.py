"""
Tell a patient that an appointment was booked, rescheduled or cancelled.

On:         appointment-shown
Does:       compares the appointment with what the patient was told; lays a note into the inbox and
            pushes to the patient's devices
Emits:      nothing, the chain's end
Safe twice: a piece of news is claimed once, under the version it came with; a push that is sent
            again replaces itself on the device
Gives up:   the push service refuses the message: parked. Without consent or a device there is the
            note alone. Other changes (held, checked in, started, completed) and those of
            appointments in the past are no news
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
def notify_appointment(batch: Batch, to: Clients) -> Outcomes:
    """Entry point: see the card above."""
    return notify(
        batch,
        "appointment",
        notifications=to.core_notifications,
        inboxes=to.inboxes,
        messaging=to.messaging,
        namespace=settings.id_namespace(),
    )
