"""The product's backend in a real PostgreSQL: what it does to core, in the words of MemoryCore."""

from __future__ import annotations

from typing import Any, LiteralString

import psycopg
from psycopg.types.json import Jsonb

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
_PUT_PRESCRIPTION = """
insert into prescriptions as p (id, appointment_id, pdf_url, summary_json, created_at)
values (%(id)s, 'appointment-' || %(id)s, %(pdf_url)s, %(summary)s,
        coalesce(%(created_at)s::timestamptz at time zone 'utc', '2026-05-01 10:00:00'))
on conflict (id) do update set pdf_url = excluded.pdf_url, summary_json = excluded.summary_json,
  created_at = coalesce(%(created_at)s::timestamptz at time zone 'utc', p.created_at)
"""
# Some backends have these columns.
_REVOKABLE = """
alter table prescriptions add column if not exists status text,
  add column if not exists revoked_at timestamp, add column if not exists revoked boolean
"""
_REVOKE = """
update prescriptions set status = %(status)s, revoked_at = %(revoked_at)s, revoked = %(revoked)s
where id = %(id)s
"""


class PostgresBackend:
    """Changes core as the backend does. `sql` is the backend's own connection."""

    appointments: Any

    def __init__(self, sql: Sql) -> None:
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
        given["summary"] = Jsonb(columns.pop("summary", {}))
        given["created_at"] = columns.pop("created_at", None)
        self._sql.execute(_PUT_PRESCRIPTION, given)
        if columns:
            self._sql.execute(_REVOKABLE)
            blank = dict.fromkeys(("status", "revoked_at", "revoked"))
            self._sql.execute(_REVOKE, blank | columns | {"id": prescription_id})

    def delete_prescription(self, prescription_id: str) -> None:
        """Delete a prescription."""
        self._sql.execute("delete from prescriptions where id = %(id)s", {"id": prescription_id})

    def put_appointment(self, appointment_id: str, user_id: str, **columns: Any) -> None:
        """Insert an appointment of a user's patient, or change the given columns of one."""
        known = self.appointments.read([appointment_id])
        row = {n: getattr(known[appointment_id], n) for n in APPOINTMENT} if known else APPOINTMENT
        ids = {"id": appointment_id, "user_id": user_id}
        self._sql.execute(_VISIT, row | columns | ids)

    def give_patient(self, before: str, user_id: str) -> None:
        """Give the patient row of one user to another, with all that hangs on it."""
        self._sql.execute(
            "update patients set user_id = %(user)s where user_id = %(before)s",
            {"before": before, "user": user_id},
        )

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

    def remind(self, medication_id: str) -> None:
        """Switch a medicine's reminders on, as the patient does."""
        self._sql.execute(
            "update medications set reminders_enabled = true where id = %(id)s",
            {"id": medication_id},
        )

    def fill_patient(self, user_id: str, *, allergies: str) -> None:
        """Fill in columns of a patient row, as the backend does."""
        self._sql.execute(
            "update patients set allergies = %(allergies)s where user_id = %(id)s",
            {"id": user_id, "allergies": allergies},
        )

    def verify_doctor(self, user_id: str) -> None:
        """Set a doctor's status, as the backend does."""
        self._sql.execute(
            "update doctors set verified_status = 'VERIFIED' where user_id = %(id)s",
            {"id": user_id},
        )

    def _all(self, query: LiteralString, **values: Any) -> list[dict[str, Any]]:
        return self._sql.execute(query, values).fetchall()

    def _one(self, query: LiteralString, **values: Any) -> dict[str, Any] | None:
        return self._sql.execute(query, values).fetchone()
