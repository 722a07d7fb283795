"""
Announce that a patient's profile was written or deleted.

On:         Firestore, users/{uid} written
Does:       publishes the uid and the document's update time, no field of it
Emits:      profile-changed
Safe twice: the next step reads the document again
Gives up:   never: an event that cannot be published is refused and delivered again
"""

from __future__ import annotations

from typing import Any

from firebase_functions import firestore_fn

from shared import clients, tracing
from shared.profile_events import announce


@firestore_fn.on_document_written(document="users/{uid}")
@tracing.triggered
def announce_profile(event: firestore_fn.Event[Any]) -> None:
    """Publish the profile's uid and version."""
    announce("announce_profile", "profile-changed", event, clients.current().publish)
