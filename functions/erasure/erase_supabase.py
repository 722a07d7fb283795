"""
Erase a patient in Supabase.

On:         erasure-ordered
Does:       buries the patient there too; erases documents, chunks and notes of removed files, all
            files in the patient's folder of Storage, the auth user, and then its audit entries
Emits:      supabase-erased
Safe twice: what is gone is gone; rows of a buried patient are refused by the database itself
Gives up:   never; a store that fails is on the receipt, and waited for
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

from shared import ids, settings
from shared.erasure.erasing import Erasures, each
from shared.events import Ref
from shared.models.erasures import Erasure, Receipt
from shared.runtime import step

if TYPE_CHECKING:
    from uuid import UUID

    from shared.clients import Clients
    from shared.outcomes import Outcomes
    from shared.runner import Batch

_STORES = ("supabase", "storage", "supabase_auth")


class Orders(Erasures, Protocol):
    """Core's erasures."""

    def bury(self, erasure: str, refs: Sequence[Ref]) -> None: ...


class Patients(Protocol):
    """Patients in Supabase."""

    def erase(self, uid: str) -> tuple[int, Sequence[str]]: ...

    def delete_user(self, user_id: str) -> int: ...

    def erase_trail(self, user_id: str) -> int: ...


class Files(Protocol):
    """Supabase Storage."""

    @property
    def bucket(self) -> str: ...

    def below(self, folder: str) -> list[str]: ...

    def delete(self, paths: Sequence[str]) -> None: ...


def erase_in_supabase(
    batch: Batch, *, erasures: Orders, patients: Patients, files: Files, namespace: UUID
) -> Outcomes:
    """Erase the patients of a batch."""

    def work(erasure: Erasure) -> Iterator[Receipt]:
        uid = erasure.uid or ""
        rows, documents = patients.erase(uid)
        if documents:  # uploads that core never had
            erasures.bury(erasure.id, [Ref("document", document) for document in documents])
        yield Receipt(erasure.id, "supabase", rows)
        found = files.below(folder) if (folder := ids.folder(files.bucket, uid)) else []
        if found:
            files.delete(found)
        yield Receipt(erasure.id, "storage", len(found))
        user_id = ids.user_id(namespace, uid)
        deleted = patients.delete_user(user_id)
        yield Receipt(erasure.id, "supabase_auth", deleted + patients.erase_trail(user_id))

    return each(batch, _STORES, work, erasures)


@step
def erase_supabase(batch: Batch, to: Clients) -> Outcomes:
    """Entry point: see the card above."""
    return erase_in_supabase(
        batch,
        erasures=to.core_erasures,
        patients=to.supabase_patients,
        files=to.storage,
        namespace=settings.id_namespace(),
    )
