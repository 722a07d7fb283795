"""The accounts and users that steps pass between stores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Account:
    """A Firebase Auth user. Contacts are in normal form; claims are the custom claims."""

    uid: str
    email: str | None
    phone: str | None
    verified: bool
    claims: dict[str, Any]


@dataclass(frozen=True, slots=True)
class CoreUser:
    """
    A core user as the sync mirrors it. `version` is the row's version in core's outbox. `without`
    names the contacts that core does not have; one that it has and that cannot be read is None too.
    """

    id: str
    uid: str
    role: str
    name: str | None
    email: str | None
    phone: str | None
    verified: bool
    version: int
    without: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class AuthUser:
    """A Supabase auth user. Phone without '+'."""

    id: str
    email: str | None
    phone: str | None
    email_confirmed: bool
    phone_confirmed: bool
    app_metadata: dict[str, Any]
    user_metadata: dict[str, Any]
