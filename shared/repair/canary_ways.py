"""The ways that the canaries travel, and where one stopped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from shared import catalog
from shared.events import Ref
from shared.outcomes import FORWARDED
from shared.repair import resyncing
from shared.repair.canary import ERASURE, UID


@dataclass(frozen=True, slots=True)
class Watch:
    """
    One of the ways that a canary travels: its name (`profile`), the entity's kind in events, and
    the topic that starts it.
    """

    name: str
    kind: str
    topic: str

    def starts(self) -> list[str]:
        """Return the first steps."""
        return [step.name for step in catalog.load().consumers(self.topic)]


def watches() -> dict[str, Watch]:
    """
    Return every way by name: all that can be announced, but users at Firebase only; and each step
    of an erasure, a way of its own.
    """
    announced = {
        kind.name: Watch(kind.name, kind.kind, kind.topic)
        for kind in resyncing.kinds().values()
        if kind.name != "core-user"  # the second half of `user`
    }
    return announced | {
        step.name: Watch(step.name, erased_by(step).kind, step.topic or "")
        for step in erasing_steps()
    }


def erasing_steps() -> list[catalog.Function]:
    """Return the steps of an erasure."""
    return [step for step in catalog.load().steps() if step.chain == "erasure"]


def erased_by(step: catalog.Function) -> Ref:
    """
    Return what passes a step of an erasure without effect: the canary's deletion, which is left
    alone since its account is there, and an erasure that nobody ordered. Either ends as gone.
    """
    return Ref("user", UID) if step.topic == "user-deleted" else Ref("erasure", ERASURE)


def stalled(topic: str, passages: Mapping[str, str]) -> str | None:
    """
    Return the first step, in the chains that a topic starts, that has not done the last touch;
    nothing when all have. `passages` gives the state of each step since the touch, on the traces
    that the first steps saw: another chain that ends in the same step does not speak for this one.
    A step that ends the way by itself (gone) is followed no further.
    """
    topics = [topic]
    for name in topics:
        for step in catalog.load().consumers(name):
            state = passages.get(step.name)
            if state is None or state not in FORWARDED | {"gone"}:
                return step.name
            if state in FORWARDED:
                topics += [next_ for next_ in step.emits if next_ not in topics]
    return None
