"""
A tombstone wins over every late or repeated event: no step is run for what was erased.

The one guard of all steps lies before any of them, so a new step has it too. An event of a buried
entity is settled with the code patient_erased and is not passed on. If it names the patient, the
erasure runs once more: whoever sent the event may have written something.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from shared.events import Event, Ref
from shared.outcomes import Outcome
from shared.runner import Batch, Record

CODE = "patient_erased"
ERASED = "PT410"  # SQLSTATE with which both databases refuse to write of an erased patient
_OWN = "erasure"  # the kind that the erasure's own events are of


class Tombstones(Protocol):
    """Core's tombstones."""

    def buried(self, refs: Sequence[Ref]) -> set[tuple[str, str]]: ...

    def reopen(self, uids: Sequence[str]) -> None: ...


def refuse(
    step: str, event: Event, tombstones: Tombstones, record: Record
) -> tuple[Event, list[Outcome]]:
    """Return the event without what was erased, and the outcomes of that, which are on record."""
    asked = [ref for ref in event.refs if ref.kind != _OWN]
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
