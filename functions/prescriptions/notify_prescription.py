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

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from shared import settings
from shared.models.notices import Paper
from shared.notices.notifying import Inboxes, Messaging, Notifications, notify
from shared.notices.paper_news import news_of, untold, withdrawn
from shared.outcomes import Outcomes
from shared.runtime import core_first, step

if TYPE_CHECKING:
    from uuid import UUID

    from shared.clients import Clients
    from shared.runner import Batch


class Papers(Protocol):
    """Core prescriptions."""

    def prescriptions(self, ids: Sequence[str]) -> dict[str, Paper]: ...


def notify_prescriptions(
    batch: Batch,
    *,
    papers: Papers,
    notifications: Notifications,
    inboxes: Inboxes,
    messaging: Messaging,
    namespace: UUID,
    now: datetime,
) -> Outcomes:
    """Tell the patients of a batch's prescriptions what is new."""
    found = papers.prescriptions([ref.key for ref in batch.refs])
    told = notify(
        batch,
        "prescription",
        news_of(found, now),
        notifications=notifications,
        inboxes=inboxes,
        messaging=messaging,
        namespace=namespace,
        withdrawn=withdrawn(batch, found),
    )
    return Outcomes(told.recorded, [*told.unrecorded, *untold(batch, found)])


@step
@core_first
def notify_prescription(batch: Batch, to: Clients) -> Outcomes:
    """Entry point: see the card above."""
    return notify_prescriptions(
        batch,
        papers=to.core_papers,
        notifications=to.core_notifications,
        inboxes=to.inboxes,
        messaging=to.messaging,
        namespace=settings.id_namespace(),
        now=datetime.now(UTC),
    )
