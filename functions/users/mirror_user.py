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

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from shared import ids, settings
from shared.errors import ContendedError, PermanentError
from shared.events import Ref
from shared.models import AuthUser, CoreUser
from shared.outcomes import Outcome, Outcomes, failed, gone
from shared.recheck import Ledger, until_still
from shared.runtime import step
from shared.user_mirroring import Difference, compare

if TYPE_CHECKING:
    from uuid import UUID

    from shared.clients import Clients
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
    sources = users.read([ref.key for ref in refs])
    auth_ids = {uid: ids.user_id(namespace, uid) for uid in sources}
    found = _find(sources.values(), auth_ids, mirror)
    return [
        _write(ref, source, auth_ids, found, mirror) if source else gone(ref)
        for ref in refs
        for source in [sources.get(ref.key)]
    ]


def _find(
    sources: Iterable[CoreUser], auth_ids: Mapping[str, str], mirror: AuthUsers
) -> list[AuthUser]:
    users = list(sources)
    return mirror.find(
        [auth_ids[user.uid] for user in users],
        [user.email for user in users if user.email],
        [user.phone.removeprefix("+") for user in users if user.phone],
    )


def _write(
    ref: Ref,
    source: CoreUser,
    auth_ids: Mapping[str, str],
    found: Sequence[AuthUser],
    mirror: AuthUsers,
) -> Outcome:
    """
    Write one user. What GoTrue refuses is looked at once more: it answers 500 for an id or a
    contact taken meanwhile and does not say which, or 422. Then the user is already there, or the
    contact is a conflict and everything else is written without it.
    """
    difference = compare(source, auth_ids[ref.key], found)
    try:
        try:
            _send(difference, mirror)
        except (PermanentError, ContendedError):
            difference = compare(source, auth_ids[ref.key], _find([source], auth_ids, mirror))
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
def mirror_user(batch: Batch, to: Clients) -> Outcomes:
    """Entry point: see the card above."""
    return mirror_users(
        batch,
        users=to.core_users,
        mirror=to.supabase_users,
        ledger=to.ledger,
        namespace=settings.id_namespace(),
    )
