"""
Core in a real PostgreSQL, in the words of memory_core_world.py.

Each store acts as the role of the functions that use it: a right it lacks fails its tests.
"""

from __future__ import annotations

from typing import Any, LiteralString

import psycopg
from psycopg.types.json import Jsonb

from shared.stores.core import CoreDatabase
from shared.stores.core_appointments import CoreAppointments
from shared.stores.core_conflicts import CoreConflicts
from shared.stores.core_doctors import CoreDoctors
from shared.stores.core_documents import CoreDocuments
from shared.stores.core_notifications import CoreNotifications
from shared.stores.core_outbox import CoreOutbox
from shared.stores.core_papers import CorePapers
from shared.stores.core_pdf_copies import CorePdfCopies
from shared.stores.core_prescriptions import CorePrescriptions
from shared.stores.core_profiles import CoreProfiles
from shared.stores.core_users import CoreUsers
from shared.stores.ledger import Ledger
from tests.contract.memory_core_world import MemoryCoreWorld, Standing
from tests.databases import acting
from tests.memory.core import APPOINTMENT
from tests.memory.core_stores import DOCTOR

Sql = psycopg.Connection[dict[str, Any]]

_DOCTOR = """
with account as (insert into users (id, role) values ('doctor-user', 'DOCTOR') returning id)
insert into doctors (id, user_id, first_name, last_name)
select %(id)s, id, split_part(%(name)s, ' ', 1), split_part(%(name)s, ' ', 2) from account
"""
_USER = "select id, role::text, firebase_uid, phone, email, verified from users where id = %(id)s"
_PUT_USER = """
insert into users (id, role, firebase_uid, phone, email, verified)
values (%(id)s, %(role)s, %(firebase_uid)s, %(phone)s, %(email)s, %(verified)s)
on conflict (id) do update set role = excluded.role, firebase_uid = excluded.firebase_uid,
  phone = excluded.phone, email = excluded.email, verified = excluded.verified
"""
_PUT_PATIENT = """
insert into patients (id, user_id, name) values (%(id)s, %(user)s, %(name)s)
on conflict (user_id) do update set name = excluded.name
"""
_PUT_APPOINTMENT = """
insert into appointments (id, doctor_id, patient_id, start_ts, end_ts)
select 'appointment-' || %(id)s, %(doctor)s, p.id, now(), now()
from patients p where p.user_id = %(user)s
on conflict (id) do nothing
"""
_VISIT = """
insert into appointments as a (id, doctor_id, clinic_id, patient_id, start_ts, end_ts, status,
  visit_type, address, checked_in_at, created_at)
select %(id)s, %(doctor_id)s, %(clinic_id)s, p.id, %(start)s at time zone 'utc',
       %(end)s at time zone 'utc', %(status)s::"AppointmentStatus", %(visit_type)s::"VisitType",
       %(address)s, %(checked_in_at)s::timestamptz at time zone 'utc',
       %(created_at)s at time zone 'utc'
from patients p where p.user_id = %(user_id)s
on conflict (id) do update set
  doctor_id = excluded.doctor_id, patient_id = excluded.patient_id,
  start_ts = excluded.start_ts, end_ts = excluded.end_ts, status = excluded.status,
  visit_type = excluded.visit_type, address = excluded.address,
  checked_in_at = excluded.checked_in_at
"""
_CLAIMS = """
select what, state, code, attempts, reached from sync.notifications where key = %(key)s
order by version
"""
_NOTICES = "select id, user_id, type, status, metadata from notifications"
_PUT_PRESCRIPTION = """
insert into prescriptions (id, appointment_id, pdf_url, summary_json, created_at)
values (%(id)s, 'appointment-' || %(id)s, %(pdf_url)s, %(summary)s, '2026-05-01 10:00:00')
on conflict (id) do update set pdf_url = excluded.pdf_url, summary_json = excluded.summary_json
"""


class PostgresCoreWorld:
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
        self.papers: Any = CorePapers(notices)
        self.notifications: Any = CoreNotifications(notices)
        self.pdf_copies: Any = CorePdfCopies(papers)
        self.ledger: Any = Ledger(people)
        self.outbox: Any = CoreOutbox(acting(core, "relay"))
        self._sql = sql
        sql.execute(_DOCTOR, {"id": DOCTOR[0], "name": DOCTOR[1]})

    def put_user(self, user_id: str, **columns: Any) -> None:
        """Insert or change a user, as the backend does."""
        blank = dict.fromkeys(("firebase_uid", "phone", "email"))
        known = self._one(_USER, id=user_id) or blank | {"role": "PATIENT", "verified": False}
        self._sql.execute(_PUT_USER, known | columns | {"id": user_id})

    def put_users(self, count: int) -> None:
        """Insert many users in one statement, with the uids u0, u1, ..."""
        self._sql.execute(
            "insert into users (id, role, firebase_uid) select 'id' || n, 'PATIENT', 'u' || n"
            " from generate_series(0, %(last)s) n",
            {"last": count - 1},
        )

    def put_patient(self, user_id: str, patient_id: str, name: str | None = None) -> None:
        """Insert or change the patient row of a user."""
        self._sql.execute(_PUT_PATIENT, {"id": patient_id, "user": user_id, "name": name})

    def delete_user(self, user_id: str) -> None:
        """Delete a user; all that hangs on the patient goes with it."""
        self._sql.execute("delete from users where id = %(id)s", {"id": user_id})

    def put_prescription(
        self, prescription_id: str, user_id: str, *, pdf_url: str | None = None, **columns: Any
    ) -> None:
        """Insert or change a prescription of a user's patient."""
        given: dict[str, Any] = {
            "id": prescription_id,
            "user": user_id,
            "doctor": DOCTOR[0],
            "pdf_url": pdf_url,
        }
        self._sql.execute(_PUT_APPOINTMENT, given)
        given["summary"] = Jsonb(columns.get("summary", {}))
        self._sql.execute(_PUT_PRESCRIPTION, given)

    def delete_prescription(self, prescription_id: str) -> None:
        """Delete a prescription."""
        self._sql.execute("delete from prescriptions where id = %(id)s", {"id": prescription_id})

    def put_appointment(self, appointment_id: str, user_id: str, **columns: Any) -> None:
        """Insert an appointment of a user's patient, or change the given columns of one."""
        known = self.appointments.read([appointment_id])
        row = {n: getattr(known[appointment_id], n) for n in APPOINTMENT} if known else APPOINTMENT
        ids = {"id": appointment_id, "user_id": user_id}
        self._sql.execute(_VISIT, row | columns | ids)

    def delete_appointment(self, appointment_id: str) -> None:
        """Delete an appointment."""
        self._sql.execute("delete from appointments where id = %(id)s", {"id": appointment_id})

    def sign_doctor_in(self, doctor_id: str, uid: str | None) -> None:
        """Give a doctor a sign-in; all that the doctor may read by it is announced."""
        self._sql.execute(
            "update users u set firebase_uid = %(uid)s from doctors d"
            " where d.user_id = u.id and d.id = %(id)s",
            {"id": doctor_id, "uid": uid},
        )

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

    def remind(self, medication_id: str) -> None:
        """Switch a medicine's reminders on, as the patient does."""
        self._sql.execute(
            "update medications set reminders_enabled = true where id = %(id)s",
            {"id": medication_id},
        )

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

    def fill_patient(self, user_id: str, *, allergies: str) -> None:
        """Fill in columns of a patient row, as the backend does."""
        self._sql.execute(
            "update patients set allergies = %(allergies)s where user_id = %(id)s",
            {"id": user_id, "allergies": allergies},
        )

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

    def verify_doctor(self, user_id: str) -> None:
        """Set a doctor's status, as the backend does."""
        self._sql.execute(
            "update doctors set verified_status = 'VERIFIED' where user_id = %(id)s",
            {"id": user_id},
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

    def unsent(self) -> set[tuple[str, str]]:
        """Return what the outbox still has to announce."""
        rows = self._all("select kind, key from sync.outbox where sent_at is null")
        return {(row["kind"], row["key"]) for row in rows}

    def _all(self, query: LiteralString, **values: Any) -> list[dict[str, Any]]:
        return self._sql.execute(query, values).fetchall()

    def _one(self, query: LiteralString, **values: Any) -> dict[str, Any] | None:
        return self._sql.execute(query, values).fetchone()


CoreWorld = MemoryCoreWorld | PostgresCoreWorld
