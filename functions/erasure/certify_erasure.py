"""
Look in every store for what should be gone, and certify.

On:         core-erased
Does:       waits until every step that was running when the last entity was buried must have ended;
            takes the kept dead letters that name the patient; looks; certifies, with which the uid
            leaves core; or, if something was written late, has core's outbox announce the erasure
            once more. Until the last look, when no message of before can wait in any queue (refs
            only: ids), the uid stays sealed, and the queues are on the receipt as held
Emits:      nothing, the chain's end
Safe twice: a certified erasure is left alone
Gives up:   something is still found after several rounds: parked, and failed on the receipt
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

from shared import catalog, ids, settings
from shared.erasure import sealing
from shared.erasure.erasing import Erasures, each
from shared.errors import PermanentError, TransientError
from shared.models.erasures import Erasure, Receipt
from shared.runtime import step

if TYPE_CHECKING:
    from uuid import UUID

    from shared.clients import Clients
    from shared.events import Ref
    from shared.models.users import Account
    from shared.outcomes import Outcomes
    from shared.runner import Batch
    from shared.stores.dead_letters import Owners

_ROUNDS = 5
_STORES = ("dead_letters", "certificate", "queues")
_DAY_S = 86400.0


class Orders(Erasures, Protocol):
    """Core's erasures."""

    def remains(self, erasure: str) -> int: ...

    def owners(self, refs: Sequence[Ref]) -> dict[tuple[str, str], str]: ...

    def end_round(self, erasure: str, found: int, sealed: str, again_s: float) -> str: ...


class DeadLetters(Protocol):
    """The dead letters that are kept."""

    def erase(self, owners: Owners) -> tuple[Counter[str], bool]: ...


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
    dead_letters: DeadLetters,
    namespace: UUID,
    quiet_s: float,
    again_s: float,
) -> Outcomes:
    """Certify the erasures of a batch."""

    swept: list[tuple[Counter[str], bool]] = []

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
        # The catalog brings it back within a minute: a longer backoff would pass the alarm's mark.
        if erasure.age_s < quiet_s:
            wait = quiet_s - erasure.age_s
            raise TransientError("steps_may_still_run", retry_after=wait)
        if not swept:  # once for the batch: that there are no more takes seconds to know
            swept.append(dead_letters.erase(erasures.owners))
        taken, all_seen = swept[0]
        unseen = None if all_seen else "not_all_seen"
        yield Receipt(erasure.id, "dead_letters", taken[erasure.id], code=unseen)
        left = found(erasure)
        if left and erasure.round >= _ROUNDS:
            raise PermanentError("erasure_incomplete")
        sealed = sealing.seal(namespace, erasure.id, erasure.uid or "")
        erasures.end_round(erasure.id, left, sealed, again_s)
        yield Receipt(erasure.id, "certificate", code="found_again" if left else "nothing_left")
        if erasure.last_look:
            yield Receipt(erasure.id, "queues", code="retention_is_over")
        else:
            yield Receipt(erasure.id, "queues", waits=True, code="ids_until_last_look")

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
        dead_letters=to.dead_letters,
        quiet_s=settings.erasure_quiet_s(),
        again_s=longest_wait_s() + _DAY_S,
    )


def longest_wait_s() -> float:
    """Return for how long a message can wait in any subscription."""
    return float(max(step.limits["retention_s"] for step in catalog.load().steps()))
