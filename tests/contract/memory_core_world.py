"""
Core behind one set of words: what the backend does, and what can be seen. Here in memory; the same
words for a real database are in postgres_core_world.py, and a contract test runs on both.
"""

from __future__ import annotations

import time
from typing import Any

from shared.events import Ref
from shared.outcomes import Outcome
from shared.runner import Batch
from shared.stores.core_profiles import COLUMNS
from tests.memory.core import MemoryCore
from tests.memory.core_appointments import MemoryCoreAppointments
from tests.memory.core_canary import MemoryCoreCanary
from tests.memory.core_documents import MemoryCoreDocuments
from tests.memory.core_findings import MemoryCoreFindings
from tests.memory.core_notifications import MemoryCoreNotifications
from tests.memory.core_pdf_copies import MemoryCorePdfCopies
from tests.memory.core_profiles import MemoryCoreDoctors, MemoryCoreProfiles
from tests.memory.core_replays import MemoryCoreReplays
from tests.memory.core_stores import (
    MemoryCoreConflicts,
    MemoryCoreOutbox,
    MemoryCorePrescriptions,
    MemoryLedger,
)
from tests.memory.core_tombstones import MemoryCoreTombstones
from tests.memory.core_users import MemoryCoreUsers
from tests.memory.erasures import MemoryCoreErasures

Standing = tuple[str, int, int, int, str | None]
TRACE = f"00-{'ab' * 16}-{'cd' * 8}-01"


def batch(step: str, *refs: Ref) -> Batch:
    """Return a batch as the runner makes it."""
    return Batch(step, refs, TRACE)


def outcome(state: str, key: str, version: int, code: str | None = None) -> Outcome:
    """Return an outcome for a user."""
    return Outcome(Ref("user", key, version), state, code)


class MemoryCoreWorld:
    """Core in memory."""

    def __init__(self) -> None:
        self.core = core = MemoryCore()
        self.users: Any = MemoryCoreUsers(core)
        self.profiles: Any = MemoryCoreProfiles(core)
        self.doctors: Any = MemoryCoreDoctors(core)
        self.decisions: Any = MemoryCoreConflicts(core)
        self.documents: Any = MemoryCoreDocuments(core)
        self.prescriptions: Any = MemoryCorePrescriptions(core)
        self.appointments: Any = MemoryCoreAppointments(core)
        self.notifications: Any = MemoryCoreNotifications(core)
        self.pdf_copies: Any = MemoryCorePdfCopies(core)
        self.ledger: Any = MemoryLedger(core)
        self.announcements = self.ledger
        self.outbox: Any = MemoryCoreOutbox(core)
        self.repairs = self.outbox
        self.tombstones: Any = MemoryCoreTombstones(core)
        self.erasures: Any = MemoryCoreErasures(core)
        self.holds = self.looks = self.erasures
        self.findings: Any = MemoryCoreFindings(core)
        self.replays: Any = MemoryCoreReplays(core)
        self.canary: Any = MemoryCoreCanary(core)
        self._later_s = 0.0
        core.clock = lambda: time.monotonic() + 1e6 + self._later_s
        self.put_user = core.put_user
        self.put_patient = core.put_patient
        self.delete_user = core.delete_user
        self.put_prescription = core.put_prescription
        self.delete_prescription = core.delete_prescription
        self.put_appointment = core.put_appointment
        self.give_patient = core.give_patient
        self.delete_appointment = core.delete_appointment
        self.sign_doctor_in = core.sign_doctor_in
        self.expire_leases = core.outbox.expire_leases
        self.version = core.outbox.version

    def put_users(self, count: int) -> None:
        """Insert many users in one statement, with the uids u0, u1, ..."""
        for number in range(count):
            self.put_user(f"id{number}", firebase_uid=f"u{number}")

    def remind(self, medication_id: str) -> None:
        """Switch a medicine's reminders on, as the patient does."""
        self.core.medication_rows[medication_id]["reminders_enabled"] = True

    def user(self, uid: str) -> dict[str, Any] | None:
        """Return a user's row."""
        return self.core.user_by_uid(uid)

    def patient(self, user_id: str) -> str | None:
        """Return the id of a user's patient row."""
        row = self.core.patient_rows.get(user_id)
        return row["id"] if row else None

    def patient_row(self, user_id: str) -> dict[str, Any]:
        """Return what the profile fills of a user's patient row."""
        row = self.core.patient_rows[user_id]
        return {name: row.get(name) for name in COLUMNS}

    def fill_patient(self, user_id: str, **columns: Any) -> None:
        """Fill in columns of a patient row, as the backend does."""
        self.core.write_patient(user_id, self.core.patient_rows[user_id] | columns)

    def language(self, user_id: str) -> str:
        """Return a user's language."""
        return self.core.languages.get(user_id, "en")

    def profile_reading(self, uid: str) -> dict[str, Any] | None:
        """Return how a profile was read."""
        return self.core.profile_reading_rows.get(uid)

    def doctor(self, user_id: str) -> dict[str, Any] | None:
        """Return a user's doctor row."""
        return self.core.doctor_rows.get(user_id)

    def verify_doctor(self, user_id: str) -> None:
        """Set a doctor's status, as the backend does."""
        self.core.doctor_rows[user_id]["verified_status"] = "VERIFIED"

    def resolutions(self) -> list[str | None]:
        """Return how each conflict ended, None while it is open."""
        return [conflict["resolution"] for conflict in self.core.all_conflicts]

    def document(self, document_id: str) -> dict[str, Any] | None:
        """Return a document's row."""
        return self.core.document_rows.get(document_id)

    def medications(self, document_id: str) -> dict[str, dict[str, Any]]:
        """Return a document's medications by name."""
        rows = self.core.medication_rows.values()
        return {row["name"]: row for row in rows if row["document_id"] == document_id}

    def readings(self, document_id: str) -> dict[str, bool]:
        """Return which of a document's medications need review, by medication id."""
        rows = self.core.reading_rows.items()
        return {k: r["needs_review"] for k, r in rows if r["document_id"] == document_id}

    def claims(self, key: str) -> list[dict[str, Any]]:
        """Return an entity's claims by version: what, state, code, attempts, reached."""
        rows = [row for at, row in sorted(self.core.claims.items()) if at[1] == key]
        names = ("what", "state", "code", "attempts")
        return [{n: r[n] for n in names} | {"reached": sorted(r["reached"])} for r in rows]

    def expire_claims(self) -> None:
        """Let the lease of every claim run out, as after the crash of its holder."""
        for row in self.core.claims.values():
            if row["lease_until"] is not None:
                row["lease_until"] = self.core.clock() - 1

    def notices(self) -> dict[str, dict[str, Any]]:
        """Return the backend's notifications by id: user_id, type, status, metadata."""
        return self.core.notification_rows

    def standing(self, kind: str, key: str, step: str) -> Standing | None:
        """Return state, source version, seen version, attempts and code from the ledger."""
        row = self.core.ledger_rows.get((kind, key, step))
        if row is None:
            return None
        return row.state, row.source_version, row.seen_version, row.attempts, row.error_code

    def replayed(self, key: str) -> tuple[int, float | None]:
        """Return how often an entity was replayed, and for how many seconds more it rests."""
        [row] = [row for at, row in self.core.ledger_rows.items() if at[1] == key]
        due = row.next_retry_at
        return row.replays, None if due is None else due - self.core.clock()

    def rest_over(self) -> None:
        """Let what is parked have rested."""
        self.wait(3600)
        for row in self.core.ledger_rows.values():
            if row.exhausted and row.next_retry_at is not None:
                row.next_retry_at = self.core.clock()

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self._later_s += seconds

    def touched_before(self, seconds: float) -> None:
        """Let time pass since the canary was touched."""
        self.wait(seconds)

    def stalled(self) -> dict[str, str | None]:
        """Return the step at which each of the canary's ways stands still."""
        return {way: row["stalled_step"] for way, row in self.core.canary.items()}

    def journal(self, step: str) -> list[tuple[str, int, str, str | None]]:
        """Return what happened in a step: key, version, state, trace id."""
        rows = self.core.journal_rows
        return [(r.key, r.version, r.state, r.trace_id) for r in rows if r.step == step]

    def conflicts(self, key: str) -> dict[str, str]:
        """Return an entity's open conflicts: field -> the other account."""
        return {at[3]: other for at, other in self.core.open_conflicts.items() if at[1] == key}

    def removals(self) -> list[tuple[str, str, str]]:
        """Return which orphans were ordered to be removed, and by whom: comparison, key, who."""
        return self.core.removals

    def unsent(self) -> set[tuple[str, str]]:
        """Return what the outbox still has to announce."""
        return set(self.core.outbox.unsent())
