"""
Erase a patient in Firebase.

On:         supabase-erased
Does:       erases the profile with its device tokens and everything below it (inbox, appointments),
            a doctor's profile under the same uid, the doctors' copies of the patient's
            appointments, and the Firebase account if a person ordered the erasure
Emits:      firebase-erased
Safe twice: what is gone is gone; an appointment keeps a mark that refuses older copies
Gives up:   never; a store that fails is on the receipt, and waited for
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from shared.erasure.erasing import Erasures, each
from shared.models.erasures import Erasure, Receipt
from shared.runtime import step

if TYPE_CHECKING:
    from shared.clients import Clients
    from shared.models.appointments import Appointment
    from shared.outcomes import Outcomes
    from shared.runner import Batch

_STORES = ("firestore", "firebase_auth")


class Patients(Protocol):
    """Patients in Firestore."""

    def erase(self, uid: str) -> int: ...

    def shown(self, visits: Sequence[str]) -> list[str]: ...


class Shown(Protocol):
    """Appointments in Firestore."""

    def show(self, appointments: Sequence[Appointment], deleted: Mapping[str, int]) -> None: ...


class Accounts(Protocol):
    """Firebase Auth."""

    def delete(self, uid: str) -> int: ...


class Versions(Protocol):
    """Core's versions."""

    def ticket(self) -> int: ...


def erase_in_firebase(
    batch: Batch,
    *,
    erasures: Erasures,
    patients: Patients,
    shown: Shown,
    accounts: Accounts,
    versions: Versions,
) -> Outcomes:
    """Erase the patients of a batch."""

    def work(erasure: Erasure) -> Iterator[Receipt]:
        uid = erasure.uid or ""
        visible = patients.shown(erasure.visits)
        if visible:  # at a version that no copy under way can have
            version = versions.ticket()
            shown.show([], dict.fromkeys(visible, version))
        yield Receipt(erasure.id, "firestore", patients.erase(uid) + len(visible))
        deleted = accounts.delete(uid) if erasure.by_operator else 0
        yield Receipt(erasure.id, "firebase_auth", deleted)

    return each(batch, _STORES, work, erasures)


@step
def erase_firebase(batch: Batch, to: Clients) -> Outcomes:
    """Entry point: see the card above."""
    return erase_in_firebase(
        batch,
        erasures=to.core_erasures,
        patients=to.firebase_patients,
        shown=to.shown_appointments,
        accounts=to.accounts,
        versions=to.core_users,
    )
