"""A patient in Supabase in memory, as an erasure sees it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tests.memory.place import alias
from tests.memory.supabase import MemorySupabase, uuid

if TYPE_CHECKING:
    pass


class MemorySupabasePatients:
    """Erases patients in Supabase."""

    def __init__(self, supabase: MemorySupabase) -> None:
        self._supabase = supabase

    def erase(self, uid: str) -> tuple[int, Sequence[str]]:
        """Bury a patient; erase documents and chunks."""
        place = self._supabase
        with place.effect("supabase_patients.erase"):
            place.buried.add(alias("user", uid))
            documents = [k for k, r in place.document_rows.items() if r["patient_id"] == uid]
            files = [k for k, left in place.removed_files.items() if left.patient_uid == uid]
            rows = len(documents) + len(files)
            rows += sum(at[0] in documents for at in place.chunk_rows)
            rows += sum(len(place.foreign_chunks.get(key, ())) for key in documents)
            for key in documents:
                place.drop_document(key)
            for key in files:
                del place.removed_files[key]
            for key in {*documents, *files}:
                place.outbox.rows.pop(("document", key), None)
            return rows, sorted({*documents, *files})

    def delete_user(self, user_id: str) -> int:
        """Delete an auth user; its deletion leaves a trace too."""
        with self._supabase.effect("supabase_patients.delete_user"):
            if self._supabase.auth_users.pop(uuid(user_id), None) is None:
                return 0
            self._supabase.trail.append(user_id)
            return 1

    def erase_trail(self, user_id: str) -> int:
        """Erase the audit entries of an auth user."""
        with self._supabase.effect("supabase_patients.erase_trail"):
            before = len(self._supabase.trail)
            self._supabase.trail = [entry for entry in self._supabase.trail if entry != user_id]
            return before - len(self._supabase.trail)

    def remains(self, uid: str, user_id: str) -> int:
        """Return how many rows still tell of the patient."""
        place = self._supabase
        with place.effect("supabase_patients.remains"):
            return (
                sum(row["patient_id"] == uid for row in place.document_rows.values())
                + sum(row["patient_id"] == uid for row in place.chunk_rows.values())
                + sum(left.patient_uid == uid for left in place.removed_files.values())
                + (user_id in place.auth_users)
                + place.trail.count(user_id)
            )
