"""
Mirror a core user as a Supabase auth user, under the same id.

On:         user-stored
Does:       creates or changes the auth user; ids and role in app_metadata, where decisions read
            them, and the product's user_metadata (a user can edit those, so nothing trusts them);
            takes off a contact that the user gave up. The name is the profile's: both chains end
            here, so there is one place that writes the mirror
Emits:      user-mirrored
Safe twice: the id is deterministic and only differences are sent; after writing, the source's
            version is checked, and if it moved the user is read and written again
Gives up:   a contact of another auth user is a conflict for a person, never taken over
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from shared import ids, settings
from shared.errors import ContendedError, PermanentError
from shared.outcomes import Outcome, Outcomes, failed, gone
from shared.people.user_mirroring import Difference, compare
from shared.recheck import Ledger, until_still
from shared.runtime import core_first, step

if TYPE_CHECKING:
    from uuid import UUID

    from shared.clients import Clients
    from shared.events import Ref
    from shared.models.users import AuthUser, CoreUser
    from shared.runner import Batch


class Users(Protocol):
    """Core users."""

    def read(self, uids: Sequence[str]) -> dict[str, CoreUser]: ...


class AuthUsers(Protocol):
    """Supabase auth."""

    def find(
        self, ids: Sequence[str], emails: Sequence[str], phones: Sequence[str]
    ) -> list[AuthUser]: ...

    def create(self, user_id: str, attributes: dict[str, Any]) -> None: ...

    def update(self, user_id: str, attributes: dict[str, Any]) -> None: ...

    def release(
        self, user_id: str, *, email: str | None = None, phone: str | None = None
    ) -> None: ...


def mirror_users(
    batch: Batch, *, users: Users, mirror: AuthUsers, ledger: Ledger, namespace: UUID
) -> Outcomes:
    """Mirror the users of a batch; again for those that changed while they were mirrored."""
    return until_still(batch, lambda refs: _mirror(refs, users, mirror, namespace), ledger)


def _mirror(refs: Sequence[Ref], users: Users, mirror: AuthUsers, namespace: UUID) -> list[Outcome]:
    """
    Write the users, and look once more at those that a conflict or a refusal kept from being done.

    A contact may have moved from one of the batch to another, and is free only now. And GoTrue
    answers 500 for an id or a contact that was taken meanwhile, without saying which: on looking
    again the user is there, or the contact is a conflict and the rest is written without it.
    """
    sources = users.read([ref.key for ref in refs])
    outcomes = _write_all(refs, sources, mirror, namespace)
    doubtful = [ref for ref in refs if outcomes[ref.key].state not in {"done", "gone"}]
    if doubtful:
        outcomes |= _write_all(doubtful, sources, mirror, namespace)
    return list(outcomes.values())


def _write_all(
    refs: Sequence[Ref], sources: Mapping[str, CoreUser], mirror: AuthUsers, namespace: UUID
) -> dict[str, Outcome]:
    wanted = [sources[ref.key] for ref in refs if ref.key in sources]
    auth_ids = {user.uid: ids.user_id(namespace, user.uid) for user in wanted}
    found = mirror.find(
        list(auth_ids.values()),
        [user.email for user in wanted if user.email],
        [user.phone.removeprefix("+") for user in wanted if user.phone],
    )
    return {
        ref.key: _write(ref, compare(source, auth_ids[ref.key], found), mirror)
        if source
        else gone(ref)
        for ref in refs
        for source in [sources.get(ref.key)]
    }


def _write(ref: Ref, difference: Difference, mirror: AuthUsers) -> Outcome:
    try:
        _send(difference, mirror)
    except (PermanentError, ContendedError) as error:  # this user's own; the others go on
        return failed(replace(ref, version=difference.version), error)
    return difference.outcome(ref)


def _send(difference: Difference, mirror: AuthUsers) -> None:
    if difference.create:
        mirror.create(difference.user_id, difference.attributes)
    elif difference.attributes:
        mirror.update(difference.user_id, difference.attributes)
    if difference.release:
        mirror.release(difference.user_id, **difference.release)


@step
@core_first
def mirror_user(batch: Batch, to: Clients) -> Outcomes:
    """Entry point: see the card above."""
    return mirror_users(
        batch,
        users=to.core_users,
        mirror=to.supabase_users,
        ledger=to.ledger,
        namespace=settings.id_namespace(),
    )
