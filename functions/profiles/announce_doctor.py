"""
Announce that a doctor's profile was written or deleted.

On:         Firestore, doctors/{uid} written
Does:       publishes the uid and the document's update time, no field of it
Emits:      doctor-changed
Safe twice: the next step reads the document again
Gives up:   never: an event that cannot be published is refused and delivered again
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared import clients, firebase_triggers, profile_events
from shared.doctor_reading import is_profile

if TYPE_CHECKING:
    from cloudevents.http import CloudEvent


@firebase_triggers.on_document_written("doctors/{uid}")
def announce_doctor(event: CloudEvent) -> None:
    """Publish the doctor's uid and version; not of what the sync itself writes to `doctors`."""
    written = profile_events.read(event)
    fields = {} if written.sign_in is None else {"uid": written.sign_in}
    if is_profile(written.uid, fields):
        profile_events.announce(
            "announce_doctor", "doctor-changed", written, clients.current().publish
        )
