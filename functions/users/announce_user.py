"""
Announce that a Firebase user was created.

On:         Firebase Auth, user created
Does:       publishes the uid, and nothing else: a sign-up must not wait for the sync
Emits:      user-changed
Safe twice: every later step reads the account again
Gives up:   never; an event lost by the trigger is found by reconciliation
"""

from __future__ import annotations

from shared import clients
from shared.announcing import announce
from shared.firebase_triggers import on_user_created


@on_user_created
def announce_user(uid: str) -> None:
    """Publish the created user's uid."""
    announce("announce_user", "user-changed", uid, clients.current().publish)
