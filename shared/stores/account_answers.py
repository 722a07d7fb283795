"""
What Identity Toolkit's answers say of accounts.

An answer may be anything, a proxy's for one. One that cannot be read is a TransientError
(firebase_answer_broken), which says nothing of what stands in it.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from shared.errors import TransientError
from shared.models.users import Account
from shared.people import contacts

if TYPE_CHECKING:
    from collections.abc import Generator


def found(said: dict[str, Any]) -> list[Account]:
    """Return the accounts of a lookup."""
    with _readable():
        return [_account(user) for user in _users(said)]


def listed(said: dict[str, Any]) -> tuple[list[tuple[Account, float]], str | None]:
    """Return a page's accounts with when they were made (Unix seconds), and the next token."""
    with _readable():
        accounts = [(_account(user), _created(user)) for user in _users(said)]
        return accounts, _text(said, "nextPageToken") or None


def changed(said: dict[str, Any], field: str) -> None:
    """Require the field that the answer to a change has, and a gateway's would not."""
    with _readable():
        if not _text(said, field):
            raise ValueError(field)


@contextmanager
def _readable() -> Generator[None]:
    try:
        yield
    except (ValueError, TypeError, OverflowError, RecursionError):
        raise TransientError("firebase_answer_broken") from None


def _users(said: dict[str, Any]) -> list[Any]:
    """Return the accounts of an answer; without any it has no such field."""
    return _given(said, "users", list) or []


def _account(user: Any) -> Account:
    uid = _text(user, "localId")
    claims = json.loads(_text(user, "customAttributes") or "{}") or {}
    if not uid or not isinstance(claims, dict):
        raise ValueError("no account")
    return Account(
        uid=uid,
        email=contacts.email(_text(user, "email")),
        phone=contacts.phone(_text(user, "phoneNumber")),
        verified=bool(_given(user, "emailVerified", bool)),
        claims=claims,
    )


def _created(user: Any) -> float:
    """Return when an account was made; it is told in milliseconds."""
    return int(_given(user, "createdAt", str | int) or 0) / 1000


def _text(given: Any, name: str) -> str | None:
    return _given(given, name, str)


def _given(given: Any, name: str, kind: Any) -> Any:
    """Return a field of an answer, None if it is missing or null."""
    if not isinstance(given, dict):
        raise TypeError(name)
    value = given.get(name)
    if value is not None and not isinstance(value, kind):
        raise TypeError(name)
    return value
