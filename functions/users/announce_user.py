"""
Announce that a Firebase user was created.

On:         Firebase Auth, user created
Does:       publishes the uid, and nothing else: a sign-up must not wait for the sync
Emits:      user-changed
Safe twice: every later step reads the account again
Gives up:   never; an event lost by the trigger is found by reconciliation
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared import clients, firebase_triggers, log, tracing
from shared.events import Event, Ref

if TYPE_CHECKING:
    from cloudevents.http import CloudEvent


@firebase_triggers.on_user_created
@tracing.triggered
def announce_user(event: CloudEvent) -> None:
    """Publish the created user's uid."""
    uid = firebase_triggers.user_of(event)["uid"]
    trace = tracing.continued()
    clients.current().publish([Event("user-changed", (Ref("user", uid),), trace)])
    log.event("announced", step="announce_user", count=1, fingerprint=log.fingerprint(uid))
