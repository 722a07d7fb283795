"""Firebase Auth accounts. What none can be is refused here and not sent, as by firebase-admin."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from shared.errors import PermanentError, TransientError
from shared.observability import tracing
from shared.stores import account_answers
from shared.stores.identity_toolkit import UID_TAKEN, IdentityToolkit

if TYPE_CHECKING:
    from shared.models.users import Account

_LOOKUP_LIMIT = 100  # uids per lookup
_PAGE = 1000  # accounts per page of the listing, at most
_LONGEST_UID = 128
_LONGEST_CLAIMS = 1000  # characters of their JSON, which is carried in every token
_RESERVED = frozenset({
    "acr", "amr", "at_hash", "aud", "auth_time", "azp", "cnf", "c_hash", "exp", "firebase", "iat",
    "iss", "jti", "nbf", "nonce", "sub",
})  # fmt: skip


class Accounts:
    """Reads accounts, sets their custom claims, deletes them for an erasure."""

    def __init__(self) -> None:
        self._toolkit = IdentityToolkit()

    def read(self, uids: Sequence[str]) -> dict[str, Account]:
        """Return the accounts that exist, by uid."""
        found: dict[str, Account] = {}
        with tracing.call("firebase_auth", "get_users"):
            for start in range(0, len(uids), _LOOKUP_LIMIT):
                wanted = [_uid(uid) for uid in uids[start : start + _LOOKUP_LIMIT]]
                said = self._toolkit.post("/accounts:lookup", {"localId": wanted})
                found |= {account.uid: account for account in account_answers.found(said)}
        return found

    def page(
        self, token: str | None, size: int = _PAGE
    ) -> tuple[list[tuple[Account, float]], str | None]:
        """
        Return up to `size` (1000 at most) accounts with the times they were created (Unix seconds),
        and the token of the next page, None at the end. Raise TransientError
        (firebase_listing_expired) for a token that Firebase no longer takes: list from the start.
        """
        try:
            with tracing.call("firebase_auth", "list_users"):
                _check(1 <= size <= _PAGE and token != "")
                asked: dict[str, Any] = {"maxResults": size}
                if token is not None:
                    asked["nextPageToken"] = token
                said = self._toolkit.get(f"/accounts:batchGet?{urlencode(asked)}")
        except PermanentError:
            if token is None:
                raise
            raise TransientError("firebase_listing_expired") from None
        return account_answers.listed(said)

    def create(self, uid: str, email: str) -> None:
        """Create an account under a uid of our choice; one that exists is left alone."""
        with tracing.call("firebase_auth", "create_user"):
            name, at, domain = email.partition("@")
            _check(name and at and domain and "@" not in domain)
            try:
                said = self._toolkit.post("/accounts", {"localId": _uid(uid), "email": email})
            except TransientError as refusal:
                if refusal.code != UID_TAKEN:
                    raise
                return
            account_answers.changed(said, "localId")

    def delete(self, uid: str) -> int:
        """Delete an account; return how many there were."""
        try:
            with tracing.call("firebase_auth", "delete_user"):
                said = self._toolkit.post("/accounts:delete", {"localId": _uid(uid)})
                account_answers.changed(said, "kind")
        except PermanentError as error:
            if error.code == "firebase_user_gone":
                return 0
            raise
        return 1

    def set_claims(self, uid: str, claims: dict[str, Any]) -> None:
        """Replace an account's custom claims: the caller passes the ones to keep too."""
        with tracing.call("firebase_auth", "set_claims"):
            text = json.dumps(claims)
            _check(len(text) <= _LONGEST_CLAIMS and not _RESERVED & claims.keys())
            body = {"localId": _uid(uid), "customAttributes": text}
            account_answers.changed(self._toolkit.post("/accounts:update", body), "localId")

    def close(self) -> None:
        """Close the connections."""
        self._toolkit.close()


def _check(kept: object) -> None:
    """Refuse for good what breaks a rule."""
    if not kept:
        raise PermanentError("firebase_invalid_argument")


def _uid(uid: str) -> str:
    """Return a uid that an account can have."""
    _check(0 < len(uid) <= _LONGEST_UID)
    return uid
