"""
Show a core appointment in Firestore, to its doctor and to its patient.

On:         appointment-changed
Does:       writes doctors/{doctor id}/appointments/{id} and users/{uid}/appointments/{id}; removes
            what was shown elsewhere before, and everything of a deleted appointment
Emits:      appointment-shown
Safe twice: replaced as a whole, guarded by core's version in a document that all copies hang on;
            after writing, a source that moved is read again
Gives up:   an id that Firestore cannot hold: parked. A patient without a Firebase sign-in has no
            place to show it in: the doctor alone sees it. What is merely absent is left alone
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from shared.events import Ref
from shared.outcomes import Outcome, Outcomes, done, gone
from shared.recheck import Ledger, until_still
from shared.runtime import core_first, step

if TYPE_CHECKING:
    from shared.clients import Clients
    from shared.models.appointments import Appointment
    from shared.runner import Batch


class Appointments(Protocol):
    """Core appointments."""

    def read(self, ids: Sequence[str]) -> dict[str, Appointment]: ...

    def deleted(self, ids: Sequence[str]) -> dict[str, int]: ...


class Shown(Protocol):
    """Appointments in Firestore."""

    def show(self, appointments: Sequence[Appointment], deleted: Mapping[str, int]) -> None: ...


def show_appointments(
    batch: Batch, *, appointments: Appointments, shown: Shown, ledger: Ledger
) -> Outcomes:
    """Show the appointments of a batch; again those that changed meanwhile."""
    return until_still(batch, lambda refs: _show(refs, appointments, shown), ledger)


def _show(refs: Sequence[Ref], appointments: Appointments, shown: Shown) -> list[Outcome]:
    found = appointments.read([ref.key for ref in refs])
    missing = [ref.key for ref in refs if ref.key not in found]
    deleted = appointments.deleted(missing) if missing else {}
    if found or deleted:
        shown.show(list(found.values()), deleted)
    return [_outcome(ref, found.get(ref.key), deleted.get(ref.key)) for ref in refs]


def _outcome(ref: Ref, source: Appointment | None, deletion: int | None) -> Outcome:
    if source is not None:
        return done(ref, source.version, None if source.uid else "patient_without_sign_in")
    if deletion is not None:
        return Outcome(Ref(ref.kind, ref.key, deletion), "gone", "source_deleted")
    return gone(ref)


@step
@core_first
def show_appointment(batch: Batch, to: Clients) -> Outcomes:
    """Entry point: see the card above."""
    return show_appointments(
        batch, appointments=to.core_appointments, shown=to.shown_appointments, ledger=to.ledger
    )
