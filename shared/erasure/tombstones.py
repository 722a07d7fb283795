"""
A tombstone wins over every late or repeated event: no step is run for what was erased.

The one guard of all steps lies before any of them, so a new step has it too. An event of a buried
entity is settled with the code patient_erased and is not passed on. If it names the patient, the
erasure runs once more: whoever sent the event may have written something.

To ask is a round trip of its own. A step that does nothing but read before its first use of core is
spared it (`core_first` in shared/runtime.py): the question travels with that use, and is answered
before the step learns or changes anything.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from shared.outcomes import Outcome
from shared.runner import Batch, Record

if TYPE_CHECKING:
    from shared.events import Event, Ref

CODE = "patient_erased"
ERASED = "PT410"  # SQLSTATE with which both databases refuse to write of an erased patient
_OWN = "erasure"  # the kind that the erasure's own events are of


_unasked: ContextVar[Sequence[Ref]] = ContextVar("unasked", default=())


class BuriedError(BaseException):
    """
    Some of what was asked about along with a use of core is buried; nothing was read or written.

    No Exception, so that whoever sorts a step's failures does not take it for one.
    """


class Tombstones(Protocol):
    """Core's tombstones."""

    def buried(self, refs: Sequence[Ref]) -> set[tuple[str, str]]: ...

    def asked_along(self, refs: Sequence[Ref]) -> AbstractContextManager[None]: ...

    def reopen(self, uids: Sequence[str]) -> None: ...


@contextmanager
def asking_along(refs: Sequence[Ref]) -> Generator[None]:
    """Have this thread's first use of core inside ask about refs; it may raise BuriedError."""
    token = _unasked.set(askable(refs))
    try:
        yield
    finally:
        _unasked.reset(token)


def unasked() -> Sequence[Ref]:
    """Return what the next use of core is to ask about."""
    return _unasked.get()


def answered() -> None:
    """Note that core has answered that none is buried. What failed is asked again."""
    _unasked.set(())


def askable(refs: Sequence[Ref]) -> list[Ref]:
    """Return the refs that can be buried."""
    return [ref for ref in refs if ref.kind != _OWN]


def refuse(
    step: str, event: Event, tombstones: Tombstones, record: Record
) -> tuple[Event, list[Outcome]]:
    """Return the event without what was erased, and the outcomes of that, which are on record."""
    asked = askable(event.refs)
    buried = tombstones.buried(asked) if asked else set[tuple[str, str]]()
    if not buried:
        return event, []
    erased = tuple(ref for ref in event.refs if (ref.kind, ref.key) in buried)
    living = tuple(ref for ref in event.refs if (ref.kind, ref.key) not in buried)
    outcomes = [Outcome(ref, "gone", CODE) for ref in erased]
    record(Batch(step, erased, event.traceparent), outcomes)
    if uids := [ref.key for ref in erased if ref.kind == "user"]:
        tombstones.reopen(uids)
    return replace(event, refs=living), outcomes
