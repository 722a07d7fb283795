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

from typing import TYPE_CHECKING

from firebase_functions import identity_fn

from shared import clients, log, tracing
from shared.errors import SyncError
from shared.events import Event, Ref
from shared.outcomes import unknown_code

if TYPE_CHECKING:
    from firebase_functions.identity_fn import AuthBlockingEvent, BeforeSignInResponse

_PATIENCE_S = 1.0  # of the 7 s after which Firebase fails the sign-in


@identity_fn.before_user_signed_in()
@tracing.triggered
def announce_sign_in(event: AuthBlockingEvent) -> BeforeSignInResponse | None:
    """Publish the uid of the user who signs in."""
    uid = event.data.uid
    changed = Event("user-changed", (Ref("user", uid),), tracing.continued())
    try:
        clients.current().publisher.publish([changed], timeout_s=_PATIENCE_S)
    except Exception as error:  # noqa: BLE001 - no fault of ours may keep a patient out
        code = error.code if isinstance(error, SyncError) else unknown_code(error)
        log.event("not_announced", severity="ERROR", step="announce_sign_in", code=code)
        return None
    log.event("announced", step="announce_sign_in", count=1, fingerprint=log.fingerprint(uid))
    return None
