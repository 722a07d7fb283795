"""Firebase in memory: Auth's accounts and Firestore's documents."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from shared.errors import ContendedError, PermanentError
from shared.models.users import Account
from shared.stores.firestore import MAX_WRITES, REMOVED, Snapshot, Write
from tests.memory.place import Place

Watch = Callable[[str, Snapshot | None, Snapshot | None], None]


def unwatched(path: str, before: Snapshot | None, after: Snapshot | None) -> None:
    """Let nobody know."""


class MemoryFirebase(Place):
    """
    The accounts and profiles, and what people do to them. `watch` is told of every document that
    changes, before and after: what Firestore's triggers listen for.
    """

    def __init__(self) -> None:
        super().__init__()
        self.account_rows: dict[str, Account] = {}
        self.documents: dict[str, Snapshot] = {}  # by path
        self.created_at: dict[str, float] = {}  # Unix seconds; what is absent is old
        self.watch: Watch = unwatched

    def sign_up(
        self, uid: str, *, email: str | None = None, phone: str | None = None, verified: bool = True
    ) -> None:
        """Make or change an account; contacts in normal form, the claims stay."""
        known = self.account_rows.get(uid, Account(uid, None, None, verified, {}))
        self.account_rows[uid] = replace(known, email=email, phone=phone, verified=verified)

    def delete(self, uid: str) -> None:
        """Delete an account."""
        del self.account_rows[uid]

    def put_document(self, path: str, fields: Mapping[str, Any]) -> None:
        """Write a document as an app does; like every write it moves the update time."""
        before, version = self.documents.get(path), self.next_version()
        self.documents[path] = Snapshot(dict(fields), version)
        self.watch(path, before, self.documents[path])

    def drop_document(self, path: str) -> None:
        """Delete a document, if it is there."""
        before = self.documents.pop(path, None)
        if before is not None:
            self.watch(path, before, None)

    def write_profile(self, uid: str, collection: str = "users", **fields: Any) -> int:
        """Write a profile as a whole; return its version."""
        self.put_document(f"{collection}/{uid}", fields)
        return self.documents[f"{collection}/{uid}"].changed

    def delete_profile(self, uid: str, collection: str = "users") -> None:
        """Delete a profile."""
        self.drop_document(f"{collection}/{uid}")

    def document(self, path: str) -> dict[str, Any] | None:
        """Return a document's fields."""
        known = self.documents.get(path)
        return known.data if known else None

    def under(self, prefix: str) -> dict[str, dict[str, Any]]:
        """Return the documents whose path begins so."""
        return {p: s.data for p, s in self.documents.items() if p.startswith(prefix) and s.data}


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

    def page(
        self, token: str | None, size: int = 1000
    ) -> tuple[list[tuple[Account, float]], str | None]:
        """Return up to `size` accounts with the times they were created, and the next token."""
        with self._firebase.effect("accounts.page"):
            rows, created = self._firebase.account_rows, self._firebase.created_at
            left = sorted(uid for uid in rows if token is None or uid > token)
            page = [(rows[uid], created.get(uid, 0.0)) for uid in left[:size]]
            return page, left[size - 1] if len(left) > size else None

    def create(self, uid: str, email: str) -> None:
        """Create an account under a uid of our choice."""
        with self._firebase.effect("accounts.create"):
            if uid not in self._firebase.account_rows:
                self._firebase.sign_up(uid, email=email, verified=False)

    def delete(self, uid: str) -> int:
        """Delete an account; return how many there were."""
        _check(uid)
        with self._firebase.effect("accounts.delete"):
            return 1 if self._firebase.account_rows.pop(uid, None) else 0

    def set_claims(self, uid: str, claims: dict[str, Any]) -> None:
        """Replace an account's custom claims."""
        _check(uid)
        with self._firebase.effect("accounts.set_claims"):
            account = self._firebase.account_rows.get(uid)
            if account is None:
                raise PermanentError("firebase_user_gone")
            self._firebase.account_rows[uid] = replace(account, claims=dict(claims))

    def close(self) -> None:
        """Nothing is open."""


def _lies_in(at: str, collection: str, *, anywhere: bool) -> bool:
    parts = at.split("/")
    return parts[-2] == collection and (anywhere or len(parts) == 2)


def _check(uid: str) -> None:
    if not 0 < len(uid) <= 128:  # refused before it is asked for
        raise PermanentError("firebase_invalid_argument")


class MemoryFirestore:
    """Reads and writes documents by path."""

    def __init__(self, firebase: MemoryFirebase) -> None:
        self._firebase = firebase

    def read(
        self, paths: Iterable[str], fields: Sequence[str] | None = None
    ) -> dict[str, Snapshot]:
        """Return a snapshot for every path, of the given fields or of all."""
        with self._firebase.effect("firestore.read"):
            now = self._firebase.next_version()
            return {at: self._snapshot(at, fields, now) for at in paths}

    def _snapshot(self, at: str, fields: Sequence[str] | None, now: int) -> Snapshot:
        known = self._firebase.documents.get(at)
        if known is None or known.data is None:
            return Snapshot(None, version=now)
        chosen = {k: v for k, v in known.data.items() if fields is None or k in fields}
        return Snapshot(chosen, known.changed, known.changed)

    def below(self, at: str) -> list[str]:
        """Return the paths of all documents below a document."""
        with self._firebase.effect("firestore.below"):
            return sorted(path for path in self._firebase.documents if path.startswith(f"{at}/"))

    def page(
        self,
        collection: str,
        after: str | None,
        limit: int,
        fields: Sequence[str],
        *,
        anywhere: bool = False,
    ) -> list[tuple[str, Snapshot]]:
        """Return up to `limit` documents of a collection with their paths, after a path."""
        with self._firebase.effect("firestore.page"):
            now = self._firebase.next_version()
            paths = sorted(
                (
                    at
                    for at in self._firebase.documents
                    if _lies_in(at, collection, anywhere=anywhere)
                ),
                key=lambda at: at.split("/"),
            )
            start = [] if after is None else after.split("/")
            wanted = [at for at in paths if at.split("/") > start][:limit]
            return [(at, self._snapshot(at, fields, now)) for at in wanted]

    def count(self, collection: str) -> int:
        """Return how many documents a collection has."""
        with self._firebase.effect("firestore.count"):
            return sum(_lies_in(at, collection, anywhere=False) for at in self._firebase.documents)

    def commit(self, writes: Sequence[Write]) -> None:
        """Carry out all writes or none."""
        assert 0 < len(writes) <= MAX_WRITES
        with self._firebase.effect("firestore.commit"):
            documents = self._firebase.documents
            if any(w.since and w.since != documents.get(w.path, Snapshot(None)) for w in writes):
                raise ContendedError("firestore_moved_on")
            for write in writes:
                if write.data is None:
                    self._firebase.drop_document(write.path)
                    continue
                before = write.since.data if write.since else None
                fields = {
                    k: v for k, v in ((before or {}) | write.data).items() if v is not REMOVED
                }
                self._firebase.put_document(write.path, fields)

    def close(self) -> None:
        """Nothing is open."""
