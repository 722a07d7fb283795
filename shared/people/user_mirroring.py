"""What must change in Supabase auth so that a core user's mirror agrees with it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from shared.events import Ref
from shared.outcomes import Conflict, Outcome, done
from shared.people import contacts

if TYPE_CHECKING:
    from shared.models.users import AuthUser, CoreUser


@dataclass(frozen=True, slots=True)
class Difference:
    """
    The admin API attributes to send: to create a user, or to change one (empty: nothing to do).

    A user without any contact that is its own cannot be created in Supabase auth at all: then
    `create` is False, nothing is sent, and `code` says so. `release` holds the contacts to take off
    the mirror: they are not the user's any more.
    """

    user_id: str
    version: int
    create: bool = False
    attributes: dict[str, Any] = field(default_factory=dict)
    conflicts: tuple[Conflict, ...] = ()
    code: str | None = None
    release: dict[str, str] = field(default_factory=dict[str, str])

    def outcome(self, ref: Ref) -> Outcome:
        """Return the outcome once the attributes are written."""
        if self.conflicts:
            at = Ref(ref.kind, ref.key, self.version)
            return Outcome(at, "conflict", "contact_taken", self.conflicts)
        return done(ref, self.version, self.code)


def compare(user: CoreUser, auth_id: str, found: Sequence[AuthUser]) -> Difference:
    """Compare a core user with the auth users that have the mirror's id or one of its contacts."""
    others = [auth for auth in found if auth.id != auth_id]
    mirror = next((auth for auth in found if auth.id == auth_id), None)
    phone = contacts.supabase_phone(user.phone)
    conflicts = tuple(
        Conflict(name, other.id)
        for name, value in (("email", user.email), ("phone", phone))
        for other in others
        if value and getattr(other, name) == value
    )
    taken = {conflict.field for conflict in conflicts}
    own = {
        name: value
        for name, value in (("email", user.email), ("phone", phone))
        if value and name not in taken
    }
    if mirror is None:
        return _creation(user, auth_id, own, conflicts)
    return Difference(
        auth_id,
        user.version,
        attributes=_change(user, mirror, own),
        conflicts=conflicts,
        release={
            name: value
            for name, value in (("email", mirror.email), ("phone", mirror.phone))
            if value and name in user.without | taken
        },
    )


def _creation(
    user: CoreUser, auth_id: str, own: Mapping[str, str], conflicts: tuple[Conflict, ...]
) -> Difference:
    if not own:  # anonymous, or every contact is another's: GoTrue refuses a user without contact
        return Difference(auth_id, user.version, conflicts=conflicts, code="no_contact")
    app, product = _metadata(user)
    attributes = {
        **own,
        **_confirmations(own, user.verified),
        "app_metadata": app,
        "user_metadata": {key: value for key, value in product.items() if value is not None},
    }
    return Difference(
        auth_id, user.version, create=True, attributes=attributes, conflicts=conflicts
    )


def _change(user: CoreUser, mirror: AuthUser, own: Mapping[str, str]) -> dict[str, Any]:
    changed = {name: value for name, value in own.items() if getattr(mirror, name) != value}
    attributes: dict[str, Any] = {**changed, **_confirmations(changed, user.verified)}
    if user.verified and "email" in own and not mirror.email_confirmed:
        attributes["email_confirm"] = True
    app, product = _metadata(user)
    for name, wanted, has in (
        ("app_metadata", app, mirror.app_metadata),
        ("user_metadata", product, mirror.user_metadata),
    ):
        moved = {key: value for key, value in wanted.items() if has.get(key) != value}
        if moved:
            attributes[name] = moved
    return attributes


def _confirmations(changed: Mapping[str, str], verified: bool) -> dict[str, bool]:
    """
    Confirm contacts as Firebase did: a phone in Firebase Auth has passed a one-time code, an e-mail
    counts once verified. `email_confirm` goes with every e-mail, else GoTrue resets its state.
    """
    confirm: dict[str, bool] = {}
    if "email" in changed:
        confirm["email_confirm"] = verified
    if "phone" in changed:
        confirm["phone_confirm"] = True
    return confirm


def _metadata(user: CoreUser) -> tuple[dict[str, Any], dict[str, Any]]:
    ids = {"firebase_uid": user.uid, "postgres_id": user.id, "role": user.role}
    return ids, ids | {"name": user.name}
