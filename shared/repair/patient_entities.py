"""All of one patient's entities, for replays and support."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shared.clients import Clients


def entities_of(uid: str, to: Clients) -> tuple[tuple[str, str], ...]:
    """Return kind and key of what core knows of a patient, and of uploads that never got there."""
    uploads = [("document", key) for key in to.supabase_documents.of_patient(uid)]
    return tuple(sorted({*to.core_replays.of_patient(uid), *uploads}))
