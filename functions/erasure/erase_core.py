"""
Erase a patient in core, or keep without the person what the policy keeps.

On:         firebase-erased
Does:       erases user, patient, uploads, medications, notifications and all that the sync knows;
            visits and prescriptions within `sync.erasure_policy` stay, without names and contacts
Emits:      core-erased
Safe twice: one transaction; a second run finds nothing
Gives up:   never. Held, and on the receipt: what the policy keeps, and the original PDFs, which lie
            in the backend's own S3 and are the backend's to delete
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol

from shared.erasure.erasing import Erasures, each
from shared.models.erasures import Erasure, Receipt
from shared.runtime import step

if TYPE_CHECKING:
    from shared.clients import Clients
    from shared.outcomes import Outcomes
    from shared.runner import Batch

_STORES = ("core", "backend_s3")


class Orders(Erasures, Protocol):
    """Core's erasures."""

    def erase(self, erasure: str) -> dict[str, int]: ...


def erase_in_core(batch: Batch, *, erasures: Orders) -> Outcomes:
    """Erase the patients of a batch."""

    def work(erasure: Erasure) -> Iterator[Receipt]:
        became = erasures.erase(erasure.id)
        held, originals = became["held"], became["originals"]
        policy = "kept_by_policy" if held else None
        yield Receipt(erasure.id, "core", became["erased"], held, code=policy)
        backend = "left_to_the_backend" if originals else None
        yield Receipt(erasure.id, "backend_s3", 0, originals, code=backend)

    return each(batch, _STORES, work, erasures)


@step
def erase_core(batch: Batch, to: Clients) -> Outcomes:
    """Entry point: see the card above."""
    return erase_in_core(batch, erasures=to.core_erasures)
