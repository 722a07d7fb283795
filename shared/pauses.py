"""
Do not ask a provider again before the time it named (Retry-After).

Pub/Sub redelivers with its own backoff and takes no hint, so a message may come back too early. A
message that was split off says in its attribute until when to wait. One that was refused as a whole
cannot be changed; its wait is in the ledger, which costs one read, and only when the delivery may
be a repeated one: Pub/Sub counts deliveries from 1, so a first delivery reads nothing. Where no
count is sent (the emulator), every delivery may be a repeated one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from shared.errors import TransientError
from shared.events import NOT_BEFORE, Event, Ref

LONGEST_S = 3600.0  # a longer wait is cut: by then the circumstances may have changed


class Ledger(Protocol):
    """The ledger."""

    def pause(self, step: str, refs: Sequence[Ref]) -> float: ...


def not_before(seconds: float, now: float) -> dict[str, str]:
    """Return the attribute that makes a message wait for so long; `now` is in Unix seconds."""
    return {NOT_BEFORE: f"{now + min(seconds, LONGEST_S):.0f}"}


def respect(step: str, event: Event, attempt: int, ledger: Ledger, now: float) -> None:
    """Raise TransientError (too_early) while a provider's wait for one of these entities lasts."""
    wait = _named(event.attributes.get(NOT_BEFORE, ""), now)
    if wait <= 0 and attempt != 1:
        wait = ledger.pause(step, event.refs)
    if wait > 0:
        raise TransientError("too_early", retry_after=wait)


def _named(stamp: str, now: float) -> float:
    """Return the seconds until a time; one that is no time, or implausibly far, is no wait."""
    is_time = stamp.isascii() and stamp.isdigit() and len(stamp) <= 12
    wait = int(stamp) - now if is_time else 0.0
    return wait if wait < 2 * LONGEST_S else 0.0
