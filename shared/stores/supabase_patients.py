"""One patient in Supabase, as an erasure sees it: rows, the auth user, and the traces it left."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from shared.errors import PermanentError

if TYPE_CHECKING:
    from shared.stores.supabase import Supabase


class SupabasePatients:
    """Erases patients. Raises TransientError when Supabase cannot do it now."""

    def __init__(self, supabase: Supabase) -> None:
        self._supabase = supabase

    def erase(self, uid: str) -> tuple[int, Sequence[str]]:
        """
        Bury a patient, so that nothing is written of them any more, and erase documents and chunks.
        Return how many rows, and the ids of the documents.
        """
        became = self._supabase.call("erase_patient", {"p_uid": uid})
        return became["erased"], became["documents"]

    def delete_user(self, user_id: str) -> int:
        """Delete an auth user with sessions and identities; return how many there were."""
        try:
            self._supabase.delete_user(user_id)
        except PermanentError as error:
            if error.code == "supabase_user_not_found":
                return 0
            raise
        return 1

    def erase_trail(self, user_id: str) -> int:
        """Erase the audit entries that hold the auth user's contacts; return how many."""
        return int(self._supabase.call("erase_auth_trail", {"p_user": user_id}))

    def remains(self, uid: str, user_id: str) -> int:
        """Return how many rows still tell of the patient, the auth user's included."""
        return int(self._supabase.call("patient_remains", {"p_uid": uid, "p_user": user_id}))
