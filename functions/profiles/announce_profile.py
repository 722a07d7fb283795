"""
Announce that a patient's profile was written or deleted.

On:         Firestore, users/{uid} written
Does:       publishes the uid and the document's update time, no field of it
Emits:      profile-changed
Safe twice: the next step reads the document again
Gives up:   never: an event that cannot be published is refused and delivered again
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared import clients, firebase_triggers, profile_events

if TYPE_CHECKING:
    from cloudevents.http import CloudEvent


@firebase_triggers.on_document_written("users/{uid}")
def announce_profile(event: CloudEvent) -> None:
    """Publish the profile's uid and version."""
    written = profile_events.read(event)
    profile_events.announce(
        "announce_profile", "profile-changed", written, clients.current().publish
    )
