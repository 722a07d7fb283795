"""Supabase auth users that mirror core users."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from shared.models.users import AuthUser
from shared.people import contacts

if TYPE_CHECKING:
    from shared.stores.supabase import Supabase


class SupabaseUsers:
    """Finds, creates and changes auth users. Phones without '+', as GoTrue stores them."""

    def __init__(self, supabase: Supabase) -> None:
        self._supabase = supabase

    def find(
        self, ids: Sequence[str], emails: Sequence[str], phones: Sequence[str]
    ) -> list[AuthUser]:
        """Return every auth user that has one of these ids, e-mails or phones, in one read."""
        rows = self._supabase.call(
            "find_auth_users",
            {"p_ids": list(ids), "p_emails": list(emails), "p_phones": list(phones)},
        )
        return [
            AuthUser(
                id=row["id"],
                email=contacts.email(row["email"]),
                phone=row["phone"] or None,
                email_confirmed=row["email_confirmed"],
                phone_confirmed=row["phone_confirmed"],
                app_metadata=row["app_metadata"] or {},
                user_metadata=row["user_metadata"] or {},
            )
            for row in rows
        ]

    def create(self, user_id: str, attributes: dict[str, Any]) -> None:
        """Create the user. Raise ContendedError when its id or a contact was taken meanwhile."""
        self._supabase.create_user({"id": user_id} | attributes)

    def update(self, user_id: str, attributes: dict[str, Any]) -> None:
        """Change the user. Raise ContendedError when another has one of the contacts."""
        self._supabase.update_user(user_id, attributes)

    def release(self, user_id: str, *, email: str | None = None, phone: str | None = None) -> None:
        """Take contacts off the user that still has these; the admin API cannot clear any."""
        self._supabase.call(
            "release_auth_contacts", {"p_id": user_id, "p_email": email, "p_phone": phone}
        )
