"""
Look into open conflicts again: each goes once more to the step that found it.

A contact that another account held may be free by now. In core that is seen at once, because the
other account has moved; what happens in Supabase alone is seen by the next look, some hours later.
A step that meets the same conflict changes nothing, and one that meets none closes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from shared import catalog
from shared.events import Ref, events, new_traceparent

if TYPE_CHECKING:
    from shared.runner import Publish


class Conflicts(Protocol):
    """Core's conflicts."""

    def claim(self, rest_s: float, limit: int) -> Sequence[tuple[str, Ref]]: ...


def look_again(
    conflicts: Conflicts, publish: Publish, *, rest_s: float, limit: int
) -> dict[str, int]:
    """Announce the entities whose conflicts are worth another try; return {"looked_into"}."""
    by_topic: dict[str, list[Ref]] = {}
    for step, ref in conflicts.claim(rest_s, limit):
        function = catalog.load().functions.get(step)
        if function is not None and function.topic is not None:
            by_topic.setdefault(function.topic, []).append(ref)
    trace = new_traceparent()
    found = {topic: list(dict.fromkeys(refs)) for topic, refs in by_topic.items()}
    if found:
        publish([event for topic, refs in found.items() for event in events(topic, refs, trace)])
    return {"looked_into": sum(map(len, found.values()))}
