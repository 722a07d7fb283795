"""What a trigger of Firebase has to say: who changed, and which version; nothing of the content."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared import log
from shared.errors import PermanentError
from shared.events import Event, Ref, flaw
from shared.observability import tracing

if TYPE_CHECKING:
    from shared.runner import Publish


def announce(step: str, topic: str, uid: str, publish: Publish, *, version: int = 0) -> None:
    """
    Publish a uid; version 0 where the source has none, or it is known once it is looked for.

    Raise PermanentError for a uid that no event can carry, such as one with a blank in it.
    """
    ref = Ref("user", uid, version)
    if code := flaw(ref):
        raise PermanentError(code)
    fingerprint = log.fingerprint(uid)  # first: a missing key must leave nothing half-done
    publish([Event(topic, (ref,), tracing.continued())])
    log.event("announced", step=step, count=1, fingerprint=fingerprint)
