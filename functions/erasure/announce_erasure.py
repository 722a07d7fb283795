"""
Announce that a Firebase user was deleted.

On:         Firebase Auth, user deleted
Does:       publishes the uid, and nothing else
Emits:      user-deleted
Safe twice: the next step asks Firebase whether the account is gone
Gives up:   never. Accounts deleted in bulk send no event: an operator orders their erasure
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared import clients, firebase_triggers, log
from shared.events import Event, Ref, new_traceparent

if TYPE_CHECKING:
    from cloudevents.http import CloudEvent


@firebase_triggers.on_user_deleted
def announce_erasure(event: CloudEvent) -> None:
    """Publish the deleted user's uid."""
    uid = firebase_triggers.user_of(event)["uid"]
    deleted = Event("user-deleted", (Ref("user", uid),), new_traceparent())
    clients.current().publish([deleted])
    log.event("announced", step="announce_erasure", count=1, fingerprint=log.fingerprint(uid))
