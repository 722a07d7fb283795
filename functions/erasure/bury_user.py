"""
Order the erasure of a patient whose Firebase account was deleted.

On:         user-deleted
Does:       makes sure that the account is gone; buries the patient in core (no step runs for them
            any more) and notes the erasure, which core's outbox announces
Emits:      nothing: the order is an outbox row of the burial's own transaction
Safe twice: one erasure per uid; a repeated event finds the tombstone
Gives up:   a legal hold, or an account that is not a patient's: parked, for a person. An account
            that is there is left alone
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from shared.errors import PermanentError
from shared.outcomes import Outcome, Outcomes, done, failed
from shared.runtime import step

if TYPE_CHECKING:
    from shared.clients import Clients
    from shared.events import Ref
    from shared.models.users import Account
    from shared.runner import Batch

_OBSTACLES = {"held": "legal_hold", "refused": "account_is_no_patient"}


class Accounts(Protocol):
    """Firebase Auth."""

    def read(self, uids: Sequence[str]) -> dict[str, Account]: ...


class Erasures(Protocol):
    """Core's erasures."""

    def order(self, uid: str, operator: str | None) -> tuple[str | None, str]: ...


def bury_users(batch: Batch, *, accounts: Accounts, erasures: Erasures) -> Outcomes:
    """Order the erasure of those of the batch whose account is gone."""
    living = accounts.read([ref.key for ref in batch.refs])
    return Outcomes(
        unrecorded=[
            Outcome(ref, "gone", "account_exists") if ref.key in living else _bury(ref, erasures)
            for ref in batch.refs
        ]
    )


def _bury(ref: Ref, erasures: Erasures) -> Outcome:
    _, state = erasures.order(ref.key, None)
    if state in _OBSTACLES:
        return failed(ref, PermanentError(_OBSTACLES[state]))
    return done(ref)


@step
def bury_user(batch: Batch, to: Clients) -> Outcomes:
    """Entry point: see the card above."""
    return bury_users(batch, accounts=to.accounts, erasures=to.core_erasures)
