"""Core users and patients in memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from shared.errors import ContendedError
from shared.events import Ref
from shared.models.users import Account, CoreUser
from shared.outcomes import Conflict, Outcome
from shared.people import contacts
from tests.memory.core import MemoryCore, Row, digits, taken

if TYPE_CHECKING:
    from shared.runner import Batch


class MemoryCoreUsers:
    """Stores and reads core users."""

    def __init__(self, core: MemoryCore) -> None:
        self._core = core

    def ticket(self) -> int:
        """Draw the version under which accounts are about to be read."""
        with self._core.effect("core_users.ticket"):
            return self._core.next_version()

    def store(
        self, batch: Batch, accounts: Sequence[tuple[Account, str, str]], version: int
    ) -> list[Outcome]:
        """Upsert users and their patient rows, given as (account, user id, patient id)."""
        with self._core.effect("core_users.store"):
            fresh = [
                given
                for given in accounts
                if self._core.source_version("user", given[0].uid, batch.step) <= version
            ]
            clashes = {account.uid: self._clashes(account) for account, _, _ in fresh}
            self._write([self._allowed(given, clashes[given[0].uid]) for given in fresh])
            for account, _, patient_id in fresh:
                self._ensure_patient(account.uid, patient_id)
            outcomes = {uid: _outcome(uid, held, version) for uid, held in clashes.items()}
            self._core.record(batch.step, batch.traceparent, outcomes.values())
            return [outcomes.get(a.uid, _outcome(a.uid, (), version)) for a, _, _ in accounts]

    def read(self, uids: Sequence[str]) -> dict[str, CoreUser]:
        """Return the core users of these Firebase uids, by uid."""
        with self._core.effect("core_users.read"):
            found = {uid: self._core.user_by_uid(uid) for uid in uids}
            return {uid: self._user(row) for uid, row in found.items() if row}

    def _clashes(self, account: Account) -> tuple[Conflict, ...]:
        others = [u for u in self._core.user_rows.values() if u["firebase_uid"] != account.uid]
        return tuple(
            [
                Conflict("email", user["id"])
                for user in others
                if account.email and (user["email"] or "").lower() == account.email
            ]
            + [
                Conflict("phone", user["id"])
                for user in others
                if account.phone and digits(user["phone"]) == digits(account.phone)
            ]
        )

    def _allowed(self, given: tuple[Account, str, str], clashes: tuple[Conflict, ...]) -> Row:
        """
        Return the user's row as it is to be: without the contacts that others hold, but with those
        that it has already.
        """
        account, user_id, _ = given
        known = self._core.user_by_uid(account.uid)
        has = {(n, (known[n] or "").lower()) for n in ("email", "phone")} if known else set()
        held = {c.field for c in clashes if (c.field, getattr(account, c.field)) not in has}
        return (known or {"id": user_id, "role": "PATIENT", "firebase_uid": account.uid}) | {
            "phone": None if "phone" in held else account.phone,
            "email": None if "email" in held else account.email,
            "verified": account.verified,
        }

    def _write(self, rows: Sequence[Row]) -> None:
        after = self._core.user_rows | {row["id"]: row for row in rows}
        if taken(list(after.values())):
            raise ContendedError("core_23505")
        for row in sorted(rows, key=lambda row: row["firebase_uid"]):
            if self._core.user_rows.get(row["id"]) != row:
                self._core.user_rows[row["id"]] = row
                version = self._core.next_version()
                self._core.outbox.note("user", row["firebase_uid"], version, ours=True)

    def _ensure_patient(self, uid: str, patient_id: str) -> None:
        user = self._core.user_by_uid(uid)
        if user and user["role"] == "PATIENT" and user["id"] not in self._core.patient_rows:
            self._core.patient_rows[user["id"]] = {"id": patient_id, "name": None}

    def _user(self, row: Row) -> CoreUser:
        return CoreUser(
            id=row["id"],
            uid=row["firebase_uid"],
            role=row["role"],
            name=self._core.person_name(row["id"]),
            email=contacts.email(row["email"]),
            phone=contacts.phone(row["phone"]),
            verified=row["verified"],
            version=self._core.outbox.version("user", row["firebase_uid"]),
            without=frozenset(name for name in ("email", "phone") if not row[name]),
        )


def _outcome(uid: str, conflicts: tuple[Conflict, ...], version: int) -> Outcome:
    ref = Ref("user", uid, version)
    if conflicts:
        return Outcome(ref, "conflict", "contact_taken", conflicts)
    return Outcome(ref, "done")
