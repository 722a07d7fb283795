"""What a Firestore trigger on a profile has to say: whose document, and which version."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shared import log, tracing
from shared.events import Event, Ref
from shared.stores.firestore import microseconds

if TYPE_CHECKING:
    from shared.runner import Publish


def announce(step: str, topic: str, event: Any, publish: Publish) -> None:
    """
    Publish the document's uid, with its update time as version; 0 for a deleted one, whose version
    is known once it is looked for.
    """
    uid = event.params["uid"]
    after = event.data.after
    version = 0 if after is None else microseconds(after.update_time)
    publish([Event(topic, (Ref("user", uid, version),), tracing.continued())])
    log.event("announced", step=step, count=1, fingerprint=log.fingerprint(uid))
