"""
Carry out a person's decision on a conflict, the same from the HTTP function and the command line.

keep_other    the value stays with its holder; the same conflict is not opened again
give_to_this  the contact is taken off its holder (or the role is given), both are announced again,
              and the chain settles them
dismissed     closed for this once; a step that meets it again opens it again
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from shared.errors import RequestError
from shared.events import Event, Ref
from shared.observability import tracing
from shared.people import contacts

if TYPE_CHECKING:
    from shared.models.conflicts import OpenConflict
    from shared.models.users import Account, AuthUser
    from shared.runner import Publish

DECISIONS = ("keep_other", "give_to_this", "dismissed")
_OPERATOR = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{1,63}")


class Conflicts(Protocol):
    """Core's conflicts."""

    def find(self, conflict_id: int) -> OpenConflict | None: ...

    def decide(
        self, conflict: OpenConflict, decision: str, operator: str, value: str | None
    ) -> None: ...


class Accounts(Protocol):
    """Firebase Auth."""

    def read(self, uids: Sequence[str]) -> dict[str, Account]: ...


class AuthUsers(Protocol):
    """Supabase auth."""

    def find(
        self, ids: Sequence[str], emails: Sequence[str], phones: Sequence[str]
    ) -> list[AuthUser]: ...

    def release(
        self, user_id: str, *, email: str | None = None, phone: str | None = None
    ) -> None: ...


@dataclass(frozen=True, slots=True)
class Decision:
    """What a person decided: the conflict's id, one of DECISIONS, and who they are."""

    conflict: int
    decision: str
    operator: str


def read_decision(body: Mapping[str, Any]) -> Decision:
    """Check a request's body. Raise RequestError 422 naming the field and the rule."""
    conflict, decision, operator = (body.get(k) for k in ("conflict", "decision", "operator"))
    if type(conflict) is not int or not 0 < conflict < 2**63:
        raise RequestError(422, "conflict", "`conflict` must be the number of a conflict")
    if decision not in DECISIONS:
        raise RequestError(422, "decision", f"`decision` must be one of {', '.join(DECISIONS)}")
    return Decision(conflict, decision, read_operator(operator))


def read_operator(operator: object) -> str:
    """Return the name of who gives an order. Raise RequestError 422."""
    if not isinstance(operator, str) or not _OPERATOR.fullmatch(operator):
        raise RequestError(422, "operator", "`operator` must name you in 2-64 of A-Z a-z 0-9 ._@+-")
    return operator


def decide(
    made: Decision,
    *,
    conflicts: Conflicts,
    accounts: Accounts,
    mirror: AuthUsers,
    publish: Publish,
) -> int:
    """
    Carry out a decision; return how many users were announced again. The same decision again
    announces again: the first time may have ended between the write and the announcement.

    Raise RequestError: 404 no such conflict; 409 closed already in another way, or the account does
    not have the contact any more; 422 `give_to_this` has no meaning for this conflict.
    """
    conflict = conflicts.find(made.conflict)
    if conflict is None:
        raise RequestError(404, "conflict_unknown", "there is no conflict of this number")
    if conflict.resolution not in {None, made.decision}:
        raise RequestError(
            409, "conflict_closed", f"the conflict is closed already: {conflict.resolution}"
        )
    if made.decision != "give_to_this":
        conflicts.decide(conflict, made.decision, made.operator, None)
        return 0
    if (conflict.kind, conflict.field) == ("user", "role"):
        conflicts.decide(conflict, made.decision, made.operator, None)
        return _announce("doctor-changed", [conflict.key], publish)
    if conflict.kind != "user" or conflict.field not in {"email", "phone"}:
        raise RequestError(422, "decision", "`give_to_this` is for conflicts of email, phone, role")
    return _give_contact(made, conflict, conflicts, accounts, mirror, publish)


def _give_contact(
    made: Decision,
    conflict: OpenConflict,
    conflicts: Conflicts,
    accounts: Accounts,
    mirror: AuthUsers,
    publish: Publish,
) -> int:
    account = accounts.read([conflict.key]).get(conflict.key)
    value = getattr(account, conflict.field) if account else None
    if value is None:
        raise RequestError(409, "contact_gone", "the account does not have this contact any more")
    other_uid = conflict.other_uid
    if conflict.step == "mirror_user":  # there the holder is a user of Supabase auth
        other_uid = _release(conflict, value, mirror)
    conflicts.decide(conflict, made.decision, made.operator, value)
    return _announce("user-changed", [uid for uid in (other_uid, conflict.key) if uid], publish)


def _release(conflict: OpenConflict, value: str, mirror: AuthUsers) -> str | None:
    """Take the contact off its holder in Supabase auth; return the holder's Firebase uid."""
    if conflict.field == "email":
        mirror.release(conflict.other, email=value)
    else:
        mirror.release(conflict.other, phone=contacts.supabase_phone(value))
    holders = mirror.find([conflict.other], [], [])
    return holders[0].app_metadata.get("firebase_uid") if holders else None


def _announce(topic: str, uids: Sequence[str], publish: Publish) -> int:
    refs = tuple(Ref("user", uid) for uid in dict.fromkeys(uids))
    publish([Event(topic, refs, tracing.continued())])
    return len(refs)
