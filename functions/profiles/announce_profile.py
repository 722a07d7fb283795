"""
Announce that a patient's profile was written or deleted.

On:         Firestore, users/{uid} written
Does:       publishes the uid and the document's update time, no field of it
Emits:      profile-changed
Safe twice: the next step reads the document again
Gives up:   never: an event that cannot be published is refused and delivered again
"""

from __future__ import annotations

from shared import clients
from shared.announcing import announce
from shared.firebase_triggers import Written, on_document_written


@on_document_written("users")
def announce_profile(event: Written) -> None:
    """Publish the profile's uid and version."""
    publish = clients.current().publish
    announce("announce_profile", "profile-changed", event.id, publish, version=event.version)
