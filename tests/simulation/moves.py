"""A history as data: what happens, in order. Any move can be left out and the rest still plays."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """What strikes a call at its `at`-th effect (from 1). The kinds are in faults.py."""

    at: int
    kind: str


@dataclass(frozen=True)
class Act:
    """The source changes: an operation of a chain on its `entity`-th entity."""

    chain: str
    operation: str
    entity: int
    value: int


@dataclass(frozen=True)
class Change:
    """The source of the entity that the last message was about changes, as `value` decides."""

    value: int


@dataclass(frozen=True)
class Call:
    """
    A function is called: with a pending "message", "trigger" event or "webhook", with an operator's
    "decision" on a conflict, or a "relay", "run_canary", "retry_failed" or "reconcile" runs.

    `pick` chooses among what is pending when the call begins, modulo its number; -1 is the newest.
    """

    what: str
    pick: int = 0
    faults: tuple[Fault, ...] = ()


Worker = Act | Change | Call


@dataclass(frozen=True)
class Race:
    """
    Several workers at once: `turns` says who runs up to its next effect, turn by turn; then each
    runs to its end.
    """

    workers: tuple[Worker, ...]
    turns: tuple[int, ...]


@dataclass(frozen=True)
class Duplicate:
    """A pending message is there once more, right behind itself."""

    pick: int


@dataclass(frozen=True)
class Lose:
    """
    A "trigger" event, "webhook" or "message" is lost. Pub/Sub keeps what it has accepted, but not
    beyond its retention, nor what a subscription held that somebody deleted.
    """

    what: str
    pick: int


@dataclass(frozen=True)
class Storm:
    """The next `effects` effects of a place fail."""

    place: str
    kind: str
    effects: int


@dataclass(frozen=True)
class Drain:
    """A quiet hour: relays run and all that is on its way arrives."""


@dataclass(frozen=True)
class Wait:
    """Time passes: leases expire."""

    seconds: int


Move = Worker | Race | Duplicate | Lose | Storm | Drain | Wait


def size(move: Move) -> int:
    """Return how much a move says; a smaller history is easier to read."""
    match move:
        case Call():
            return 1 + len(move.faults)
        case Race():
            return sum(size(worker) for worker in move.workers) + len(move.turns)
        case _:
            return 1
