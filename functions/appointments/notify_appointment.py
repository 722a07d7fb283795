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

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from shared import settings
from shared.models.appointments import Appointment
from shared.models.notices import News
from shared.notices.notifying import Inboxes, Messaging, Notifications, notify
from shared.outcomes import Outcome, Outcomes, gone
from shared.runtime import core_first, step

if TYPE_CHECKING:
    from uuid import UUID

    from shared.clients import Clients
    from shared.runner import Batch


class Appointments(Protocol):
    """Core appointments."""

    def read(self, ids: Sequence[str]) -> dict[str, Appointment]: ...


def notify_appointments(
    batch: Batch,
    *,
    appointments: Appointments,
    notifications: Notifications,
    inboxes: Inboxes,
    messaging: Messaging,
    namespace: UUID,
    now: datetime,
) -> Outcomes:
    """Tell the patients of a batch's appointments what is new."""
    found = appointments.read([ref.key for ref in batch.refs])
    told = notify(
        batch,
        "appointment",
        [news_of(a, a.uid, now) for a in found.values() if a.uid is not None],
        notifications=notifications,
        inboxes=inboxes,
        messaging=messaging,
        namespace=namespace,
    )
    untold = [
        Outcome(ref, "gone", "patient_without_sign_in") if ref.key in found else gone(ref)
        for ref in batch.refs
        if ref.key not in found or found[ref.key].uid is None
    ]
    return Outcomes(told.recorded, [*told.unrecorded, *untold])


def news_of(appointment: Appointment, uid: str, now: datetime) -> News:
    """
    An appointment is, to its patient, a time with a doctor. The format of `state` is also that of
    the migration which takes note of the appointments that existed before.
    """
    ahead = appointment.start > now
    visit = f"{appointment.start:%Y-%m-%dT%H:%M:%SZ} {appointment.doctor_id}"
    match appointment.status:
        case "CONFIRMED" | "RESCHEDULED":
            state, first, later = visit, "booked", "rescheduled"
        case "CANCELLED":
            state, first, later = "", None, "cancelled"
        case "HOLD":
            state, first, later = "", None, None
        case _:
            state, first, later = visit, None, None
    return News(
        key=appointment.id,
        version=appointment.version,
        uid=uid,
        state=state,
        first=first if ahead else None,
        later=later if ahead else None,
        appointment_id=appointment.id,
    )


@step
@core_first
def notify_appointment(batch: Batch, to: Clients) -> Outcomes:
    """Entry point: see the card above."""
    return notify_appointments(
        batch,
        appointments=to.core_appointments,
        notifications=to.core_notifications,
        inboxes=to.inboxes,
        messaging=to.messaging,
        namespace=settings.id_namespace(),
        now=datetime.now(UTC),
    )
