"""Upkeep: messages that nobody can read; they must be parked, once, and hold up nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from shared import catalog
from tests.simulation.chain import Chain, Finding, Operation

if TYPE_CHECKING:
    from tests.simulation.world import World

_UNREADABLE = (b"{}", b"not json", b'{"refs": [{"kind": "user", "key": "a b"}]}')


def _garble(world: World, number: int, value: int) -> None:
    topics = [topic for topic in catalog.load().topics if topic != "dead-letter"]
    topic = topics[value % len(topics)]
    world.to.bus.accept(topic, _UNREADABLE[number % len(_UNREADABLE)], {})
    world.notes.setdefault("garbled", []).append((str(len(world.to.bus.messages)), topic))


def _findings(world: World) -> Iterator[Finding]:
    ledger = world.to.memory_core.ledger_rows
    # One that core could not even park becomes a dead letter, under another id.
    dead = any(kind == "message" and step == "park_dead_letter" for kind, _, step in ledger)
    for message_id, topic in world.notes.get("garbled", []):
        for function in catalog.load().consumers(topic):
            row = ledger.get(("message", message_id, function.name))
            if not dead and (row is None or row.state != "parked"):
                what = f"unreadable for {function.name}, not parked"
                yield Finding(("message", message_id), what)


CHAIN = Chain(
    name="upkeep",
    kind="message",
    number_of=lambda key: None,
    operations={"garble": Operation(1, _garble)},
    findings=_findings,
)
