"""
Announce that a Firebase user was deleted.

On:         Firebase Auth, user deleted
Does:       publishes the uid, and nothing else
Emits:      user-deleted
Safe twice: the next step asks Firebase whether the account is gone
Gives up:   never. Accounts deleted in bulk send no event: an operator orders their erasure
"""

from __future__ import annotations

from shared import clients
from shared.announcing import announce
from shared.firebase_triggers import on_user_deleted


@on_user_deleted
def announce_erasure(uid: str) -> None:
    """Publish the deleted user's uid."""
    announce("announce_erasure", "user-deleted", uid, clients.current().publish)
