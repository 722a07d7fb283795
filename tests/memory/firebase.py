"""Firebase in memory: Auth's accounts, and profiles in Firestore."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from shared.errors import PermanentError
from shared.models import Account, FirestoreDocument
from tests.memory.place import Place


class MemoryFirebase(Place):
    """The accounts and profiles, and what people do to them."""

    def __init__(self) -> None:
        super().__init__()
        self.account_rows: dict[str, Account] = {}
        self.profile_rows: dict[tuple[str, str], FirestoreDocument] = {}  # by collection and uid

    def sign_up(
        self, uid: str, *, email: str | None = None, phone: str | None = None, verified: bool = True
    ) -> None:
        """Make or change an account; contacts in normal form, the claims stay."""
        known = self.account_rows.get(uid, Account(uid, None, None, verified, {}))
        self.account_rows[uid] = replace(known, email=email, phone=phone, verified=verified)

    def delete(self, uid: str) -> None:
        """Delete an account."""
        del self.account_rows[uid]

    def write_profile(self, uid: str, collection: str = "users", **fields: Any) -> int:
        """Write a document as a whole; return its version."""
        document = FirestoreDocument(fields, self.next_version())
        self.profile_rows[collection, uid] = document
        return document.version

    def delete_profile(self, uid: str, collection: str = "users") -> None:
        """Delete a document."""
        del self.profile_rows[collection, uid]


class MemoryAccounts:
    """Reads accounts and sets their custom claims."""

    def __init__(self, firebase: MemoryFirebase) -> None:
        self._firebase = firebase

    def read(self, uids: Sequence[str]) -> dict[str, Account]:
        """Return the accounts that exist, by uid."""
        for uid in uids:
            _check(uid)
        with self._firebase.effect("accounts.read"):
            rows = self._firebase.account_rows
            return {uid: rows[uid] for uid in uids if uid in rows}

    def set_claims(self, uid: str, claims: dict[str, Any]) -> None:
        """Replace an account's custom claims."""
        _check(uid)
        with self._firebase.effect("accounts.set_claims"):
            account = self._firebase.account_rows.get(uid)
            if account is None:
                raise PermanentError("firebase_user_gone")
            self._firebase.account_rows[uid] = replace(account, claims=dict(claims))


def _check(uid: str) -> None:
    if not 0 < len(uid) <= 128:  # the Admin SDK refuses it before it asks
        raise PermanentError("firebase_invalid_argument")


class MemoryProfiles:
    """Reads profiles. What is absent has the time of the read as its version."""

    def __init__(self, firebase: MemoryFirebase) -> None:
        self._firebase = firebase

    def read(self, uids: Sequence[str]) -> dict[str, FirestoreDocument]:
        """Return the patients' profiles by uid; every uid is in the answer."""
        return self._read("users", uids)

    def read_doctors(self, uids: Sequence[str]) -> dict[str, FirestoreDocument]:
        """Return the doctors' profiles by uid; every uid is in the answer."""
        return self._read("doctors", uids)

    def _read(self, collection: str, uids: Sequence[str]) -> dict[str, FirestoreDocument]:
        if any("/" in uid for uid in uids):  # the client refuses the path before it asks
            raise PermanentError("firestore_invalid_argument")
        with self._firebase.effect("profiles.read"):
            rows = self._firebase.profile_rows
            absent = FirestoreDocument(None, self._firebase.next_version())
            return {uid: rows.get((collection, uid), absent) for uid in uids}
