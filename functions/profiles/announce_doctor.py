"""
Announce that a doctor's profile was written or deleted.

On:         Firestore, doctors/{uid} written
Does:       publishes the uid and the document's update time, no field of it
Emits:      doctor-changed
Safe twice: the next step reads the document again
Gives up:   never: an event that cannot be published is refused and delivered again
"""

from __future__ import annotations

from shared import clients
from shared.announcing import announce
from shared.firebase_triggers import Written, on_document_written
from shared.people.doctor_reading import is_profile


@on_document_written("doctors")
def announce_doctor(event: Written) -> None:
    """Publish the doctor's uid and version; not of what the sync itself writes to `doctors`."""
    if is_profile(event.id, event.fields):
        publish = clients.current().publish
        announce("announce_doctor", "doctor-changed", event.id, publish, version=event.version)
