"""
Look in every store for what should be gone, and certify.

On:         core-erased
Does:       waits until every step that was running when the patient was buried must have ended;
            looks; certifies, with which the uid leaves core; or, if something was written late, has
            core's outbox announce the erasure once more
Emits:      nothing, the chain's end
Safe twice: a certified erasure is left alone
Gives up:   something is still found after several rounds: parked, and failed on the receipt
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

from shared import ids, settings
from shared.erasing import Erasures, each
from shared.errors import PermanentError, TransientError
from shared.models import Account, Erasure, Receipt
from shared.outcomes import Outcomes
from shared.runtime import step

if TYPE_CHECKING:
    from uuid import UUID

    from shared.clients import Clients
    from shared.runner import Batch

_ROUNDS = 5
_STORES = ("certificate",)


class Orders(Erasures, Protocol):
    """Core's erasures."""

    def remains(self, erasure: str) -> int: ...

    def end_round(self, erasure: str, found: int) -> str: ...


class SupabasePatients(Protocol):
    """Patients in Supabase."""

    def remains(self, uid: str, user_id: str) -> int: ...


class FirebasePatients(Protocol):
    """Patients in Firestore."""

    def remains(self, uid: str) -> list[str]: ...

    def shown(self, visits: Sequence[str]) -> list[str]: ...


class Files(Protocol):
    """Supabase Storage."""

    @property
    def bucket(self) -> str: ...

    def below(self, folder: str) -> list[str]: ...


class Accounts(Protocol):
    """Firebase Auth."""

    def read(self, uids: Sequence[str]) -> dict[str, Account]: ...


def certify_erasures(
    batch: Batch,
    *,
    erasures: Orders,
    supabase: SupabasePatients,
    firebase: FirebasePatients,
    files: Files,
    accounts: Accounts,
    namespace: UUID,
    quiet_s: float,
) -> Outcomes:
    """Certify the erasures of a batch."""

    def found(erasure: Erasure) -> int:
        uid = erasure.uid or ""
        folder = ids.folder(files.bucket, uid)
        return (
            erasures.remains(erasure.id)
            + supabase.remains(uid, ids.user_id(namespace, uid))
            + (len(files.below(folder)) if folder else 0)
            + len(firebase.remains(uid))
            + len(firebase.shown(erasure.visits))
            + (len(accounts.read([uid])) if erasure.by_operator else 0)
        )

    def work(erasure: Erasure) -> Iterator[Receipt]:
        if erasure.age_s < quiet_s:
            wait = quiet_s - erasure.age_s
            raise TransientError("steps_may_still_run", retry_after=wait)
        left = found(erasure)
        if left and erasure.round >= _ROUNDS:
            raise PermanentError("erasure_incomplete")
        erasures.end_round(erasure.id, left)
        yield Receipt(erasure.id, "certificate", code="found_again" if left else "nothing_left")

    return each(batch, _STORES, work, erasures)


@step
def certify_erasure(batch: Batch, to: Clients) -> Outcomes:
    """Entry point: see the card above."""
    return certify_erasures(
        batch,
        erasures=to.core_erasures,
        supabase=to.supabase_patients,
        firebase=to.firebase_patients,
        files=to.storage,
        accounts=to.accounts,
        namespace=settings.id_namespace(),
        quiet_s=settings.erasure_quiet_s(),
    )
