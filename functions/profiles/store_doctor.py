"""
Make a user a doctor in core.

On:         doctor-changed
Does:       reads the doctors' profiles from Firestore; gives the users the role DOCTOR and a row in
            `doctors`, in place of the bare patient row that their sign-up made. verified_status is
            the backend's: a new doctor is PENDING
Emits:      user-stored: the user's mirror shows role and name
Safe twice: upsert by user, guarded by the document's update time
Gives up:   a profile without a name is parked; a patient with anything recorded, a member of staff,
            or a doctor from whom core took the role is a conflict for a person. A deleted profile
            changes nothing: core owns roles, and appointments refer to the doctor
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from shared import ids, settings
from shared.errors import PermanentError
from shared.outcomes import Outcome, Outcomes, failed, unversioned
from shared.people.doctor_reading import is_profile, read_doctor
from shared.runtime import core_first, step

if TYPE_CHECKING:
    from uuid import UUID

    from shared.clients import Clients
    from shared.events import Ref
    from shared.models.profiles import DoctorProfile
    from shared.runner import Batch
    from shared.stores.firestore import Snapshot


class Profiles(Protocol):
    """Firestore profiles."""

    def read_doctors(self, uids: Sequence[str]) -> dict[str, Snapshot]: ...


class Doctors(Protocol):
    """Core doctors."""

    def store(
        self, batch: Batch, doctors: Sequence[tuple[Ref, str, DoctorProfile]]
    ) -> list[Outcome]: ...


def store_doctors(
    batch: Batch, *, profiles: Profiles, doctors: Doctors, namespace: UUID
) -> Outcomes:
    """Store the doctors of a batch: one read of Firestore and one write of core."""
    found = profiles.read_doctors([ref.key for ref in batch.refs])
    ready: list[tuple[Ref, str, DoctorProfile]] = []
    others: list[Outcome] = []
    for given in batch.refs:
        document = found[given.key]
        ref = replace(given, version=document.version)
        if document.data is None or not is_profile(ref.key, document.data):
            others.append(Outcome(ref, "gone", "doctor_profile_deleted"))
            continue
        try:
            ready.append((ref, ids.doctor_id(namespace, ref.key), read_doctor(document.data)))
        except PermanentError as error:
            others.append(failed(ref, error))
    stored = doctors.store(batch, ready) if ready else []
    return Outcomes(recorded=[unversioned(outcome) for outcome in stored], unrecorded=others)


@step
@core_first
def store_doctor(batch: Batch, to: Clients) -> Outcomes:
    """Entry point: see the card above."""
    return store_doctors(
        batch,
        profiles=to.profiles,
        doctors=to.core_doctors,
        namespace=settings.id_namespace(),
    )
