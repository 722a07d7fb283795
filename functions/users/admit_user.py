"""
Admit a mirrored user to Supabase: give the Firebase account the claim role=authenticated.

On:         user-mirrored
Does:       sets the custom claim by which Supabase runs the patient's Firebase token under row
            level security; other claims are kept
Emits:      nothing, the chain's end
Safe twice: an account that has the claim is left alone
Gives up:   the account is gone
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from shared.errors import PermanentError
from shared.outcomes import Outcome, Outcomes, done, failed, gone
from shared.runtime import step

if TYPE_CHECKING:
    from shared.clients import Clients
    from shared.events import Ref
    from shared.models.users import Account
    from shared.runner import Batch

ADMITTED = {"role": "authenticated"}


class Accounts(Protocol):
    """Firebase Auth."""

    def read(self, uids: Sequence[str]) -> dict[str, Account]: ...

    def set_claims(self, uid: str, claims: dict[str, Any]) -> None: ...


def admit_users(batch: Batch, *, accounts: Accounts) -> Outcomes:
    """Give every account of the batch the claim."""
    found = accounts.read([ref.key for ref in batch.refs])
    return Outcomes(unrecorded=[_admit(ref, found.get(ref.key), accounts) for ref in batch.refs])


def _admit(ref: Ref, account: Account | None, accounts: Accounts) -> Outcome:
    if account is None:
        return gone(ref)
    claims = account.claims | ADMITTED
    try:
        if claims != account.claims:
            accounts.set_claims(account.uid, claims)
    except PermanentError as error:
        return gone(ref) if error.code == "firebase_user_gone" else failed(ref, error)
    return done(ref)


@step
def admit_user(batch: Batch, to: Clients) -> Outcomes:
    """Entry point: see the card above."""
    return admit_users(batch, accounts=to.accounts)
