"""Events of Firebase on their way to the functions that listen for them."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from google.events.cloud.firestore import DocumentEventData

from shared import catalog
from tests.simulation.calling import entry

if TYPE_CHECKING:
    from shared.stores.firestore import Snapshot

_ACCOUNTS = {"created": "user", "deleted": "deletion"}
_DOCUMENTS = {"users": "profile", "doctors": "doctor"}


@dataclass
class Trigger:
    """An event for a function. `entity` is whose word is lost with it: (kind, key)."""

    function: str
    event: Any
    entity: tuple[str, str]

    def fire(self) -> None:
        """Call the function. What it raises, Firebase takes for a failed event."""
        entry(self.function)(self.event)


def of_account(event: str, uid: str) -> Trigger | None:
    """Return what Firebase Auth sends when an account is "created" or "deleted"."""
    for function in catalog.load().functions.values():
        if (function.trigger["kind"], function.trigger.get("event")) == ("auth", event):
            data = SimpleNamespace(data={"value": {"uid": uid}})
            return Trigger(function.name, data, (_ACCOUNTS[event], uid))
    return None


def of_document(path: str, before: Snapshot | None, after: Snapshot | None) -> Trigger | None:
    """Return what Firestore sends when a document was written, if a function listens there."""
    collection, _, key = path.partition("/")
    for function in catalog.load().functions.values():
        if function.trigger.get("document", "").partition("/")[0] == collection and "/" not in key:
            data = _event_data(path, before, after)
            event = SimpleNamespace(data=data, get={"document": path}.get)
            return Trigger(function.name, event, (_DOCUMENTS[collection], key))
    return None


def _event_data(path: str, before: Snapshot | None, after: Snapshot | None) -> bytes:
    """Return the protobuf message that Eventarc brings."""
    message: Any = DocumentEventData.pb()()
    for snapshot, document in ((after, message.value), (before, message.old_value)):
        if snapshot is not None and snapshot.data is not None:
            document.name = f"projects/p/databases/(default)/documents/{path}"
            document.update_time.seconds = snapshot.changed // 1_000_000
            document.update_time.nanos = snapshot.changed % 1_000_000 * 1000
            for name, value in snapshot.data.items():
                if isinstance(value, str):
                    document.fields[name].string_value = value
                elif value is None:
                    document.fields[name].null_value = 0
    return message.SerializeToString()
