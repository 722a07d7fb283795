"""
Core in a real PostgreSQL, in the words of memory_core_world.py.

Each store acts as the role of the functions that use it: a right it lacks fails its tests.
"""

from __future__ import annotations

from typing import Any

import psycopg

from shared.stores.core import CoreDatabase
from shared.stores.core_appointments import CoreAppointments
from shared.stores.core_canary import CoreCanary
from shared.stores.core_conflicts import CoreConflicts
from shared.stores.core_doctors import CoreDoctors
from shared.stores.core_documents import CoreDocuments
from shared.stores.core_erasures import CoreErasures
from shared.stores.core_findings import CoreFindings
from shared.stores.core_notifications import CoreNotifications
from shared.stores.core_outbox import CoreOutbox
from shared.stores.core_pdf_copies import CorePdfCopies
from shared.stores.core_prescriptions import CorePrescriptions
from shared.stores.core_profiles import CoreProfiles
from shared.stores.core_replays import CoreReplays
from shared.stores.core_tombstones import CoreTombstones
from shared.stores.core_users import CoreUsers
from shared.stores.ledger import Ledger
from tests.contract.memory_core_world import MemoryCoreWorld, Standing
from tests.contract.postgres_backend import PostgresBackend
from tests.databases import acting

Sql = psycopg.Connection[dict[str, Any]]

_CLAIMS = """
select what, state, code, attempts, reached from sync.notifications where key = %(key)s
order by version
"""
_REPLAYED = """
select replays, extract(epoch from next_retry_at - now())::float8 as rest
from sync.ledger where key = %(key)s
"""
_WAIT = """
update sync.ledger set
  updated_at = updated_at - make_interval(secs => %(seconds)s),
  replayed_at = replayed_at - make_interval(secs => %(seconds)s),
  next_retry_at = case when exhausted and not %(exhausted)s then next_retry_at
                       else next_retry_at - make_interval(secs => %(seconds)s) end
"""
_WAIT_AWAITED = """
update sync.awaited set since = since - make_interval(secs => %(seconds)s),
  replayed_at = replayed_at - make_interval(secs => %(seconds)s)
"""
_WAIT_RUNS = """
update sync.reconcile_runs set finished_at = finished_at - make_interval(secs => %(seconds)s)
"""
_TOUCHED_BEFORE = """
with passed as (update sync.journal set at = at - make_interval(secs => %(seconds)s))
update sync.canary set touched_at = touched_at - make_interval(secs => %(seconds)s)
"""
_NOTICES = "select id, user_id, type, status, metadata from notifications"


class PostgresCoreWorld(PostgresBackend):
    """Core with the migrations as deployed. `sql` is the backend's own connection."""

    def __init__(self, core: CoreDatabase, sql: Sql) -> None:
        people, papers, notices = (acting(core, d) for d in ("people", "papers", "notices"))
        self.users: Any = CoreUsers(people)
        self.profiles: Any = CoreProfiles(people)
        self.doctors: Any = CoreDoctors(people)
        self.decisions: Any = CoreConflicts(acting(core, "operator"))
        self.documents: Any = CoreDocuments(papers)
        self.prescriptions: Any = CorePrescriptions(papers)
        self.appointments: Any = CoreAppointments(notices)
        self.notifications: Any = CoreNotifications(notices)
        self.pdf_copies: Any = CorePdfCopies(papers)
        self.ledger: Any = Ledger(people)
        self.announcements: Any = Ledger(acting(core, "relay"))
        self.outbox: Any = CoreOutbox(acting(core, "relay"))
        self.repairs: Any = CoreOutbox(acting(core, "repair"))
        self.tombstones: Any = CoreTombstones(people)
        self.erasures: Any = CoreErasures(acting(core, "erasure"))
        self.holds: Any = CoreErasures(acting(core, "operator"))
        self.looks: Any = CoreErasures(acting(core, "repair"))
        self.findings: Any = CoreFindings(acting(core, "operator"))
        self.replays: Any = CoreReplays(acting(core, "repair"))
        self.canary: Any = CoreCanary(acting(core, "repair"))
        super().__init__(sql)

    def claims(self, key: str) -> list[dict[str, Any]]:
        """Return an entity's claims by version: what, state, code, attempts, reached."""
        return self._all(_CLAIMS, key=key)

    def expire_claims(self) -> None:
        """Let the lease of every claim run out, as after the crash of its holder."""
        self._sql.execute("update sync.notifications set lease_until = now() - interval '1 second'")

    def notices(self) -> dict[str, dict[str, Any]]:
        """Return the backend's notifications by id: user_id, type, status, metadata."""
        return {row.pop("id"): row for row in self._all(_NOTICES)}

    def expire_leases(self) -> None:
        """Let the time of every lease pass, as after the crash of its holder."""
        self._sql.execute("update sync.outbox set lease_until = now() - interval '1 second'")

    def version(self, kind: str, key: str) -> int:
        """Return an entity's version in the outbox, 0 for none."""
        row = self._one(
            "select version from sync.outbox where kind = %(kind)s and key = %(key)s",
            kind=kind,
            key=key,
        )
        return row["version"] if row else 0

    def user(self, uid: str) -> dict[str, Any] | None:
        """Return a user's row."""
        return self._one(
            "select id, role::text, firebase_uid, phone, email, verified from users"
            " where firebase_uid = %(uid)s",
            uid=uid,
        )

    def patient(self, user_id: str) -> str | None:
        """Return the id of a user's patient row."""
        row = self._one("select id from patients where user_id = %(id)s", id=user_id)
        return row["id"] if row else None

    def patient_row(self, user_id: str) -> dict[str, Any]:
        """Return what the profile fills of a user's patient row."""
        row = self._one(
            "select name, dob, gender, allergies, chronic_conditions, emergency_contact"
            " from patients where user_id = %(id)s",
            id=user_id,
        )
        assert row is not None
        return row

    def language(self, user_id: str) -> str:
        """Return a user's language."""
        return self._all("select language from users where id = %(id)s", id=user_id)[0]["language"]

    def profile_reading(self, uid: str) -> dict[str, Any] | None:
        """Return how a profile was read."""
        return self._one(
            "select version, held, consent_data_use, consent_notifications, review_reasons"
            " from sync.profile_readings where uid = %(uid)s",
            uid=uid,
        )

    def doctor(self, user_id: str) -> dict[str, Any] | None:
        """Return a user's doctor row."""
        return self._one(
            "select id, first_name, last_name, specialties, license_no, verified_status"
            " from doctors where user_id = %(id)s",
            id=user_id,
        )

    def resolutions(self) -> list[str | None]:
        """Return how each conflict ended, None while it is open."""
        return [r["resolution"] for r in self._all("select * from sync.conflicts order by id")]

    def document(self, document_id: str) -> dict[str, Any] | None:
        """Return a document's row."""
        return self._one(
            "select id, patient_id, type::text, file_url, text, structured_json, ocr_confidence,"
            " replace(created_at::text, ' ', 'T') as created_at from documents where id = %(id)s",
            id=document_id,
        )

    def medications(self, document_id: str) -> dict[str, dict[str, Any]]:
        """Return a document's medications by name."""
        rows = self._all("select * from medications where document_id = %(id)s", id=document_id)
        return {row["name"]: row for row in rows}

    def readings(self, document_id: str) -> dict[str, bool]:
        """Return which of a document's medications need review, by medication id."""
        rows = self._all(
            "select * from sync.medication_readings where document_id = %(id)s", id=document_id
        )
        return {row["medication_id"]: row["needs_review"] for row in rows}

    def standing(self, kind: str, key: str, step: str) -> Standing | None:
        """Return state, source version, seen version, attempts and code from the ledger."""
        row = self._one(
            "select state, source_version, seen_version, attempts, error_code from sync.ledger"
            " where kind = %(kind)s and key = %(key)s and step = %(step)s",
            kind=kind,
            key=key,
            step=step,
        )
        if row is None:
            return None
        seen = row["source_version"], row["seen_version"]
        return row["state"], *seen, row["attempts"], row["error_code"]

    def replayed(self, key: str) -> tuple[int, float | None]:
        """Return how often an entity was replayed, and for how many seconds more it rests."""
        rows = self._all(_REPLAYED, key=key)
        return rows[0]["replays"], rows[0]["rest"]

    def rest_over(self) -> None:
        """Let what is parked have rested."""
        self._sql.execute("update sync.ledger set next_retry_at = least(next_retry_at, now())"
                          " where exhausted and next_retry_at is not null")  # fmt: skip
        self.wait(3600, exhausted=False)

    def wait(self, seconds: float, *, exhausted: bool = True) -> None:
        """Let time pass for the ledger, for what is awaited, and since runs of comparisons."""
        given = {"seconds": seconds, "exhausted": exhausted}
        self._sql.execute(_WAIT, given)
        self._sql.execute(_WAIT_AWAITED, given)
        self._sql.execute(_WAIT_RUNS, given)

    def touched_before(self, seconds: float) -> None:
        """Let time pass since the canary was touched."""
        self._sql.execute(_TOUCHED_BEFORE, {"seconds": seconds})

    def stalled(self) -> dict[str, str | None]:
        """Return the step at which each of the canary's ways stands still."""
        rows = self._all("select kind, stalled_step from sync.canary")
        return {row["kind"]: row["stalled_step"] for row in rows}

    def journal(self, step: str) -> list[tuple[str, int, str, str | None]]:
        """Return what happened in a step: key, version, state, trace id."""
        rows = self._all("select * from sync.journal where step = %(step)s order by id", step=step)
        return [(r["key"], r["source_version"], r["state"], r["trace_id"]) for r in rows]

    def conflicts(self, key: str) -> dict[str, str]:
        """Return an entity's open conflicts: field -> the other account."""
        rows = self._all(
            "select field, other from sync.conflicts where key = %(key)s and resolved_at is null",
            key=key,
        )
        return {row["field"]: row["other"] for row in rows}

    def removals(self) -> list[tuple[str, str, str]]:
        """Return which orphans were ordered to be removed, and by whom: comparison, key, who."""
        rows = self._all("select projection, key, operator from sync.orphan_removals order by id")
        return [(row["projection"], row["key"], row["operator"]) for row in rows]

    def unsent(self) -> set[tuple[str, str]]:
        """Return what the outbox still has to announce."""
        rows = self._all("select kind, key from sync.outbox where sent_at is null")
        return {(row["kind"], row["key"]) for row in rows}


CoreWorld = MemoryCoreWorld | PostgresCoreWorld
