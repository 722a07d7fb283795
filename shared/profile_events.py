"""
What a Firestore trigger on a profile has to say: whose document, and which version.

Read straight from google.events.cloud.firestore.v1.DocumentEventData, as Eventarc delivers it in
protobuf: {1: document as it is, 2: as it was}, of a document {2: fields, 4: update time}.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared import log
from shared.errors import PermanentError
from shared.events import Event, Ref, new_traceparent
from shared.protobuf import fields

if TYPE_CHECKING:
    from cloudevents.http import CloudEvent

    from shared.runner import Publish

Message = dict[int, bytes | int]


@dataclass(frozen=True, slots=True)
class Written:
    """
    A document that was written. `version` is its update time in microseconds, 0 for a deleted one,
    whose version is known once it is looked for. `sign_in` is the text of its field `uid`, "" for
    a field that holds anything else, None for a document without it.
    """

    uid: str
    version: int
    sign_in: str | None


def read(event: CloudEvent) -> Written:
    """Read an event. Raise PermanentError for one that is not of this form."""
    data: object = event.data
    if not isinstance(data, bytes):
        raise PermanentError("firestore_event_not_protobuf")
    try:
        change = dict(fields(data))
        after, before = change.get(1), change.get(2)
        document = after if isinstance(after, bytes) else before
        if not isinstance(document, bytes):
            raise PermanentError("firestore_event_without_document")
        version = _microseconds(after) if isinstance(after, bytes) else 0
        return Written(event["document"].rpartition("/")[2], version, _sign_in(document))
    except (ValueError, KeyError):
        raise PermanentError("firestore_event_unreadable") from None


def announce(step: str, topic: str, written: Written, publish: Publish) -> None:
    """Publish the document's uid and version."""
    publish([Event(topic, (Ref("user", written.uid, written.version),), new_traceparent())])
    log.event("announced", step=step, count=1, fingerprint=log.fingerprint(written.uid))


def _microseconds(document: bytes) -> int:
    time = _message(dict(fields(document)).get(4))
    return _number(time.get(1)) * 1_000_000 + _number(time.get(2)) // 1000


def _sign_in(document: bytes) -> str | None:
    for number, content in fields(document):
        if number == 2 and isinstance(content, bytes):
            entry = dict(fields(content))
            if entry.get(1) == b"uid":
                text = _message(entry.get(2)).get(17)
                return text.decode() if isinstance(text, bytes) else ""
    return None


def _message(content: bytes | int | None) -> Message:
    return dict(fields(content)) if isinstance(content, bytes) else {}


def _number(value: bytes | int | None) -> int:
    return value if isinstance(value, int) else 0
