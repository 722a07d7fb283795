"""Supabase's auth users in memory, with the rules of its admin API (GoTrue)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from shared.errors import ContendedError, PermanentError
from shared.models.users import AuthUser
from tests.memory.supabase import MemorySupabase, uuid

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
_PHONE = re.compile(r"[1-9][0-9]{1,14}")


class MemorySupabaseUsers:
    """Finds, creates and changes auth users."""

    def __init__(self, supabase: MemorySupabase) -> None:
        self._supabase = supabase

    def find(
        self, ids: Sequence[str], emails: Sequence[str], phones: Sequence[str]
    ) -> list[AuthUser]:
        """Return every auth user that has one of these ids, e-mails or phones."""
        wanted = {uuid(key) for key in ids}
        with self._supabase.effect("supabase_users.find"):
            return [
                user
                for user in self._supabase.auth_users.values()
                if user.id in wanted or user.email in emails or user.phone in phones
            ]

    def create(self, user_id: str, attributes: dict[str, Any]) -> None:
        """Create the user."""
        with self._supabase.effect("supabase_users.create"):
            email, phone = _contacts(attributes)
            if not email and not phone:
                raise PermanentError("supabase_validation_failed")
            for name, value in (("email", email), ("phone", phone)):
                if self._holder(name, value):
                    raise ContendedError(f"supabase_{name}_exists")
            if user_id in self._supabase.auth_users:
                raise ContendedError("supabase_unexpected_failure")
            providers = [name for name, value in (("email", email), ("phone", phone)) if value]
            app = {"provider": providers[0], "providers": providers}
            self._supabase.trail.append(user_id)
            self._supabase.auth_users[user_id] = AuthUser(
                user_id,
                email,
                phone,
                bool(attributes.get("email_confirm")),
                bool(attributes.get("phone_confirm")),
                _merged(app, attributes.get("app_metadata")),
                dict(attributes.get("user_metadata") or {}) | _confirmed(attributes),
            )

    def update(self, user_id: str, attributes: dict[str, Any]) -> None:
        """Change the user: metadata is merged, a null deletes a key."""
        with self._supabase.effect("supabase_users.update"):
            user = self._supabase.auth_users.get(user_id)
            if user is None:
                raise PermanentError("supabase_user_not_found")
            email, phone = _contacts(attributes)
            for name, value in (("email", email), ("phone", phone)):
                if self._holder(name, value) not in {None, user_id}:
                    raise ContendedError("supabase_unexpected_failure")
            self._supabase.trail.append(user_id)
            self._supabase.auth_users[user_id] = replace(
                user,
                email=email or user.email,
                phone=phone or user.phone,
                email_confirmed=user.email_confirmed or bool(attributes.get("email_confirm")),
                phone_confirmed=user.phone_confirmed or bool(attributes.get("phone_confirm")),
                app_metadata=_merged(user.app_metadata, attributes.get("app_metadata")),
                user_metadata=_merged(
                    user.user_metadata | _confirmed(attributes), attributes.get("user_metadata")
                ),
            )

    def release(self, user_id: str, *, email: str | None = None, phone: str | None = None) -> None:
        """Take contacts off the user that still has these."""
        with self._supabase.effect("supabase_users.release"):
            user = self._supabase.auth_users.get(uuid(user_id))
            if user is None:
                return
            lost = {
                name
                for name, value in (("email", email), ("phone", phone))
                if value and getattr(user, name) == value
            }
            self._supabase.auth_users[user.id] = replace(
                user,
                email=None if "email" in lost else user.email,
                phone=None if "phone" in lost else user.phone,
                email_confirmed=user.email_confirmed and "email" not in lost,
                phone_confirmed=user.phone_confirmed and "phone" not in lost,
                user_metadata={
                    key: value
                    for key, value in user.user_metadata.items()
                    if key not in {f"{name}_verified" for name in lost}
                },
            )

    def _holder(self, name: str, value: str | None) -> str | None:
        users = self._supabase.auth_users.values()
        return next((u.id for u in users if value and getattr(u, name) == value), None)


def _contacts(attributes: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """Return e-mail and phone in GoTrue's normal form."""
    email, phone = attributes.get("email"), attributes.get("phone")
    if email and not _EMAIL.fullmatch(email):
        raise PermanentError("supabase_validation_failed")
    digits = phone.removeprefix("+").replace(" ", "") if phone else None
    if digits and not _PHONE.fullmatch(digits):
        raise PermanentError("supabase_validation_failed")
    return (email.lower() if email else None), digits


def _merged(known: Mapping[str, Any], given: Mapping[str, Any] | None) -> dict[str, Any]:
    merged = {**known, **(given or {})}
    removed = {key for key, value in (given or {}).items() if value is None}
    return {key: value for key, value in merged.items() if key not in removed}


def _confirmed(attributes: Mapping[str, Any]) -> dict[str, bool]:
    return {
        f"{name}_verified": True for name in ("email", "phone") if attributes.get(f"{name}_confirm")
    }
