"""
Write a patient's profile to core `patients`.

On:         profile-changed
Does:       reads the profiles from Firestore; writes what they give to `patients`, the language to
            `users`, and how they were read (consents, what to review) to `sync.profile_readings`
Emits:      user-stored: the user's mirror shows the profile's name
Safe twice: upsert by uid, guarded by the document's update time
Gives up:   never; a field that cannot be read stays null and is flagged. A user whom core does not
            know yet is waited for
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Protocol

from shared import ids, settings
from shared.models.profiles import Profile
from shared.outcomes import Outcome, Outcomes, unversioned
from shared.people.profile_reading import day_of, read_profile
from shared.runtime import core_first, step

if TYPE_CHECKING:
    from uuid import UUID

    from shared.clients import Clients
    from shared.events import Ref
    from shared.runner import Batch
    from shared.stores.firestore import Snapshot

_DELETED = Profile(review_reasons=("profile_deleted",))


class Profiles(Protocol):
    """Firestore profiles."""

    def read(self, uids: Sequence[str]) -> dict[str, Snapshot]: ...


class Patients(Protocol):
    """Core patients."""

    def store(
        self, batch: Batch, profiles: Sequence[tuple[Ref, str, Profile, bool]]
    ) -> list[Outcome]: ...


def store_profiles(
    batch: Batch, *, profiles: Profiles, patients: Patients, namespace: UUID, today: date
) -> Outcomes:
    """Store the profiles of a batch: one read of Firestore and one write of core."""
    found = profiles.read([ref.key for ref in batch.refs])
    rows = [
        (
            replace(ref, version=found[ref.key].version),
            ids.patient_id(namespace, ref.key),
            _DELETED if fields is None else read_profile(fields, today),
            fields is None,
        )
        for ref in batch.refs
        for fields in [found[ref.key].data]
    ]
    return Outcomes(recorded=[unversioned(outcome) for outcome in patients.store(batch, rows)])


@step
@core_first
def store_profile(batch: Batch, to: Clients) -> Outcomes:
    """Entry point: see the card above."""
    return store_profiles(
        batch,
        profiles=to.profiles,
        patients=to.core_profiles,
        namespace=settings.id_namespace(),
        today=day_of(datetime.now(UTC)),
    )
