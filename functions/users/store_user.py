"""
Write a Firebase account to core `users`, and its `patients` row.

On:         user-changed
Does:       reads the accounts from Firebase, upserts users by firebase_uid and bare patient rows
Emits:      user-stored
Safe twice: upserts by uid under deterministic ids; guarded by the ticket drawn before reading
Gives up:   never on an account; a contact held by another account is a conflict for a person
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from shared import ids, settings
from shared.outcomes import Outcome, Outcomes, gone
from shared.runtime import core_first, step

if TYPE_CHECKING:
    from uuid import UUID

    from shared.clients import Clients
    from shared.models.users import Account
    from shared.runner import Batch


class Accounts(Protocol):
    """Firebase Auth."""

    def read(self, uids: Sequence[str]) -> dict[str, Account]: ...


class Users(Protocol):
    """Core users."""

    def ticket(self) -> int: ...

    def store(
        self, batch: Batch, accounts: Sequence[tuple[Account, str, str]], version: int
    ) -> list[Outcome]: ...


def store_users(batch: Batch, *, accounts: Accounts, users: Users, namespace: UUID) -> Outcomes:
    """Store the accounts of a batch. One read of Firebase, one small read and one write of core."""
    version = users.ticket()
    found = accounts.read([ref.key for ref in batch.refs])
    rows = [
        (account, ids.user_id(namespace, uid), ids.patient_id(namespace, uid))
        for uid, account in found.items()
    ]
    stored = users.store(batch, rows, version) if rows else []
    contested = {outcome.ref.key for outcome in stored if outcome.state == "conflict"}
    if contested and len(rows) > 1:
        # A contact that moved from one of the batch to another is free once the first is written.
        again = [row for row in rows if row[0].uid in contested]
        settled = {outcome.ref.key: outcome for outcome in users.store(batch, again, version)}
        stored = [settled.get(outcome.ref.key, outcome) for outcome in stored]
    missing = [gone(replace(ref, version=version)) for ref in batch.refs if ref.key not in found]
    return Outcomes(recorded=stored, unrecorded=missing)


@step
@core_first
def store_user(batch: Batch, to: Clients) -> Outcomes:
    """Entry point: see the card above."""
    return store_users(
        batch, accounts=to.accounts, users=to.core_users, namespace=settings.id_namespace()
    )
