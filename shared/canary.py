"""
The canary patient, and where a chain stopped that it should have passed through.

Its uid begins with a prefix that Firebase never gives. Whoever counts patients or tells them
something leaves it out: `is_canary`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from shared import catalog
from shared.outcomes import FORWARDED

PREFIX = "canary-"
UID = f"{PREFIX}1"
EMAIL = "canary-1@canary.invalid"  # .invalid: no mail can ever arrive (RFC 2606)


@dataclass(frozen=True, slots=True)
class Passage:
    """How an entity stands in a step; `fresh` when that is newer than its last touch."""

    state: str
    fresh: bool


def is_canary(uid: str) -> bool:
    """Tell whether a uid is a canary's."""
    return uid.startswith(PREFIX)


def stalled(topic: str, passages: Mapping[str, Passage]) -> str | None:
    """
    Return the first step, in the chains that a topic starts, that has not done the last touch;
    nothing when all have. A step that ends the way by itself (gone) is followed no further.
    """
    topics = [topic]
    for name in topics:
        for step in catalog.load().consumers(name):
            passage = passages.get(step.name)
            if passage is None or not passage.fresh or passage.state in {"retrying", "parked"}:
                return step.name
            if passage.state in FORWARDED:
                topics += [next_ for next_ in step.emits if next_ not in topics]
    return None
