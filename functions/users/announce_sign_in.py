"""
Announce that a user is signing in. Firebase has no event for a changed e-mail, phone or claim, and
whoever changed one signs in with it.

On:         Firebase Auth, before sign-in (blocking; deployed only where sign_in_hook is set)
Does:       publishes the uid, within a second; never refuses a sign-in
Emits:      user-changed
Safe twice: every later step reads the account again
Gives up:   at once: what was not announced is found at the next sign-in or by reconciliation
"""

from __future__ import annotations

import functools

from shared import clients
from shared.announcing import announce
from shared.firebase_triggers import before_sign_in

_PATIENCE_S = 1.0  # of the 7 s after which Firebase fails the sign-in


@before_sign_in
def announce_sign_in(uid: str) -> None:
    """Publish the uid of the user who signs in."""
    publish = functools.partial(clients.current().publisher.publish, timeout_s=_PATIENCE_S)
    announce("announce_sign_in", "user-changed", uid, publish)
