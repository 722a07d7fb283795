"""
What patients are told, as they see it: notes in the inbox, and what their devices show.

A chain notes every state that its source gives an entity (`note`). Whatever is skipped or delivered
again in between, a patient can be told of no more changes than the source has made.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from shared import ids, settings
from shared.repair.canary import is_canary
from tests.simulation.chain import Finding

if TYPE_CHECKING:
    from tests.simulation.world import World

Entity = tuple[str, str]

STEP = {
    "appointment": "notify_appointment",
    "document": "notify_document",
    "prescription": "notify_prescription",
}
_EARLIER = {
    "appointment": ("show_appointment",),
    "document": ("store_document",),
    "prescription": ("copy_prescription_pdf", "mirror_prescription", "index_prescription"),
}


def note(world: World, entity: Entity, state: str) -> None:
    """Take note of how an entity stands at its source, "" where there is nothing to see."""
    states = world.notes.setdefault("states", {}).setdefault(entity, [""])
    if states[-1] != state:
        states.append(state)


def finally_told(
    world: World, entity: Entity, uid: str, state: str, steps: tuple[str, ...]
) -> Iterator[Finding]:
    """See that the last thing core has taken note of is how the entity stands."""
    told = world.to.memory_core.told.get(entity)
    if is_canary(uid):
        return
    if told is None or (told["uid"], told["state"]) != (uid, state):
        yield Finding(entity, "its patient is not told how it stands", steps=steps)


def findings(world: World) -> Iterator[Finding]:
    """Look at inboxes and devices."""
    yield from _claims(world)
    told = Counter((path.split("/")[1], about) for path, about, _ in _present(world))
    states = world.notes.get("states", {})
    for (_, entity), count in told.items():
        if count > len(states.get(entity, [""])) - 1:
            yield Finding(entity, "told more often than it changed", law="duplicate_effects")
    yield from _devices(world)


def _present(world: World) -> list[tuple[str, Entity, float]]:
    return [laid for laid in world.noted if laid[0] in world.to.firebase.documents]


def _claims(world: World) -> Iterator[Finding]:
    """Every claim has its note, and every note its claim."""
    documents, namespace = world.to.firebase.documents, settings.id_namespace()
    claimed: set[str] = set()
    for (kind, key, version), row in world.to.memory_core.claims.items():
        path = f"users/{row['uid']}/inbox/{ids.notification_id(namespace, kind, key, version)}"
        claimed.add(path)
        steps = (*_EARLIER[kind], STEP[kind])
        if row["state"] == "claimed":
            if _is_due(world, (kind, key)):
                yield Finding((kind, key), "a claim that nobody settles", steps=steps)
        elif path not in documents:
            yield Finding((kind, key), "a claim without its note", steps=steps)
    for path, about, _ in _present(world):
        if path not in claimed:
            yield Finding(about, "a note that nobody claimed", law="duplicate_effects")
    # Of an erased patient, one may have been laid by who was at it already: it is erased as well.
    for path, count in Counter(path for path, _, _ in _present(world)).items():
        if count > 1:
            yield Finding(("note", path), "laid twice: read, it is unread again",
                          law="duplicate_effects")  # fmt: skip


def _is_due(world: World, entity: Entity) -> bool:
    """Tell whether there is still something to tell of: of what is gone or revoked there is not."""
    kind, key = entity
    core = world.to.memory_core
    rows = {"appointment": core.appointment_rows, "document": core.document_rows}
    if kind in rows:
        return key in rows[kind]
    return key in core.prescription_rows and core.prescription_rows[key].get("status") != "REVOKED"


def _devices(world: World) -> Iterator[Finding]:
    """A device shows what lies in the inbox of its owner, and nothing else."""
    for token, shown in world.to.memory_messaging.shown.items():
        uid = token.rpartition("-")[2]
        for key in shown:
            if f"users/{uid}/inbox/{key}" not in world.to.firebase.documents:
                what = "a device shows what its owner was not told"
                yield Finding(("user", uid), what, law="duplicate_effects")
