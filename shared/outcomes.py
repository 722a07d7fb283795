"""
What became of each entity of a batch.

state     meaning                                               then
done      the target agrees with the source                     forwarded
conflict  written as far as possible, a person must decide       forwarded
gone      the source no longer exists, or holds no more          not forwarded, unless passed on
parked    can never work as it is; code says why                 not forwarded
retrying  not yet; code says why                                 refused, redelivered
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from shared.errors import PermanentError, SyncError, TransientError, where

if TYPE_CHECKING:
    from shared.events import Ref

FORWARDED = frozenset({"done", "conflict"})


@dataclass(frozen=True, slots=True)
class Conflict:
    """Another account holds this field's value. `other` is that account's id in the same store."""

    field: str
    other: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """`ref.version` is the version that was really read, when the step learnt a newer one."""

    ref: Ref
    state: str
    code: str | None = None
    conflicts: tuple[Conflict, ...] = ()
    retry_after: float | None = None
    exhausted: bool = False  # parked because its deliveries ran out, not because it can never work
    at: str | None = field(default=None, compare=False)  # where an unknown error came from; to log
    # Gone, and forwarded all the same: the next step has something to take away.
    passed_on: bool = field(default=False, compare=False)
    digest: int | None = None  # hash64 of what was written, for reconciliation


@dataclass(frozen=True, slots=True)
class Outcomes:
    """
    Outcomes of a batch: those the step wrote to the ledger together with its data, and those that
    the runtime is still to write.
    """

    recorded: Sequence[Outcome] = ()
    unrecorded: Sequence[Outcome] = ()


def done(ref: Ref, version: int | None = None, code: str | None = None) -> Outcome:
    """Return a success, at the version that was read."""
    return Outcome(ref if version is None else replace(ref, version=version), "done", code)


def gone(ref: Ref) -> Outcome:
    """Return that the source no longer has the entity."""
    return Outcome(ref, "gone", "source_gone")


def unversioned(outcome: Outcome) -> Outcome:
    """
    Forward without the version: the next step reads the entity in another store, whose versions
    count differently. What is not forwarded goes back to this step, and keeps its version.
    """
    if outcome.state not in FORWARDED:
        return outcome
    return replace(outcome, ref=replace(outcome.ref, version=0))


def failed(ref: Ref, error: BaseException) -> Outcome:
    """Turn an exception into this entity's outcome. Unknown errors are retried, never dropped."""
    match error:
        case TransientError():
            return Outcome(ref, "retrying", error.code, retry_after=error.retry_after)
        case PermanentError():
            return Outcome(ref, "parked", error.code)
        case SyncError():
            return Outcome(ref, "retrying", error.code)
        case _:
            return Outcome(ref, "retrying", unknown_code(error), at=where(error))


def unknown_code(error: BaseException) -> str:
    """Name an unexpected exception by its class: its text may hold anything. Ours have codes."""
    if isinstance(error, SyncError):
        return error.code
    name = "".join(c if c.isalnum() else "_" for c in type(error).__name__.lower())
    return f"unknown_{name}"[:64]


def with_state(outcomes: Iterable[Outcome], *states: str) -> list[Outcome]:
    """Return those in one of the states."""
    return [outcome for outcome in outcomes if outcome.state in states]
