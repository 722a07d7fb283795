"""Events of Firebase on their way to the functions that listen for them."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from shared import catalog
from tests.simulation.calling import entry

if TYPE_CHECKING:
    from shared.stores.firestore import Snapshot

_DOCUMENTS = {"users": "profile", "doctors": "doctor"}


@dataclass
class Trigger:
    """An event for a function. `entity` is whose word is lost with it: (kind, key)."""

    function: str
    event: Any
    entity: tuple[str, str]

    def fire(self) -> None:
        """Call the function. What it raises, Firebase takes for a failed event."""
        work = entry(self.function)
        getattr(work, "__wrapped__", work)(self.event)


def of_account(event: str, uid: str) -> Trigger | None:
    """Return what Firebase Auth sends when an account is "created" or "deleted"."""
    for function in catalog.load().functions.values():
        if (function.trigger["kind"], function.trigger.get("event")) == ("auth", event):
            return Trigger(
                function.name, SimpleNamespace(data={"value": {"uid": uid}}), ("user", uid)
            )
    return None


def of_document(path: str, before: Snapshot | None, after: Snapshot | None) -> Trigger | None:
    """Return what Firestore sends when a document was written, if a function listens there."""
    collection, _, key = path.partition("/")
    for function in catalog.load().functions.values():
        if function.trigger.get("document", "").partition("/")[0] == collection and "/" not in key:
            data = SimpleNamespace(before=_sent(before), after=_sent(after))
            event = SimpleNamespace(params={"uid": key}, data=data)
            return Trigger(function.name, event, (_DOCUMENTS[collection], key))
    return None


def _sent(snapshot: Snapshot | None) -> Any:
    if snapshot is None or snapshot.data is None:
        return None
    fields, version = snapshot.data, snapshot.changed
    stamp = SimpleNamespace(seconds=version // 1_000_000, nanos=version % 1_000_000 * 1000)
    time = SimpleNamespace(timestamp_pb=lambda: stamp)
    return SimpleNamespace(to_dict=lambda: dict(fields), update_time=time)
