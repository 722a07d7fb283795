"""
Announce that a doctor's profile was written or deleted.

On:         Firestore, doctors/{uid} written
Does:       publishes the uid and the document's update time, no field of it
Emits:      doctor-changed
Safe twice: the next step reads the document again
Gives up:   never: an event that cannot be published is refused and delivered again
"""

from __future__ import annotations

from typing import Any

from firebase_functions import firestore_fn

from shared import clients, tracing
from shared.doctor_reading import is_profile
from shared.profile_events import announce


@firestore_fn.on_document_written(document="doctors/{uid}")
@tracing.triggered
def announce_doctor(event: firestore_fn.Event[Any]) -> None:
    """Publish the doctor's uid and version; not of what the sync itself writes to `doctors`."""
    document = event.data.after if event.data.after is not None else event.data.before
    if is_profile(event.params["uid"], document.to_dict() or {}):
        announce("announce_doctor", "doctor-changed", event, clients.current().publish)
