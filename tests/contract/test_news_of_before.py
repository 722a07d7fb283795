"""What was there when the sync began is no news; its changes are."""

from __future__ import annotations

import contextlib

import psycopg

from infra import migrate
from shared.events import Ref
from shared.stores.core import CoreDatabase
from shared.stores.core_notifications import CoreNotifications
from tests.contract.memory_core_world import batch
from tests.databases import BACKEND, Databases

_BEFORE = """
insert into users (id, role, firebase_uid) values ('id1', 'PATIENT', 'u1'), ('id2', 'DOCTOR', 'd');
insert into patients (id, user_id) values ('p1', 'id1');
insert into doctors (id, user_id, first_name, last_name) values ('doctor-1', 'id2', 'A', 'B');
insert into appointments (id, doctor_id, patient_id, start_ts, end_ts, status) values
  ('a1', 'doctor-1', 'p1', '2126-05-01 10:00:00.5', '2126-05-01 10:15', 'CONFIRMED'),
  ('a2', 'doctor-1', 'p1', '2126-05-02 10:00', '2126-05-02 10:15', 'HOLD'),
  ('a3', 'doctor-1', 'p1', '2126-05-03 10:00', '2126-05-03 10:15', 'CANCELLED');
insert into prescriptions (id, appointment_id, summary_json) values
  ('rx1', 'a1', '{"notes": "first", "lab_tests": []}'), ('rx2', 'a2', '{"status": "revoked"}');
"""


def test_what_exists_before_the_sync_begins_is_no_news(databases: Databases) -> None:
    with databases.empty() as dsn:
        with psycopg.connect(dsn) as backend:
            backend.execute(BACKEND.read_bytes())
            backend.execute(_BEFORE)
        migrate.migrate("core", dsn)
        core = CoreDatabase(dsn)
        with contextlib.closing(core), psycopg.connect(dsn, autocommit=True) as backend:
            backend.execute("update appointments set checked_in_at = now()")
            backend.execute("update prescriptions set sent_at = now()")
            notifications = CoreNotifications(core)

            def whats(kind: str, *keys: str) -> list[tuple[str, str]]:
                refs = [Ref(kind, key) for key in keys]
                found = notifications.claim(batch(f"notify_{kind}", *refs), kind)
                assert all(found.versions[key] > 0 for key in keys)
                return [(claim.key, claim.what) for claim in found.claims]

            assert whats("appointment", "a1", "a2", "a3") == []
            assert whats("prescription", "rx1", "rx2") == []
            backend.execute("update appointments set status = 'CONFIRMED',"
                            " start_ts = start_ts + interval '1 hour'")  # fmt: skip
            backend.execute("update prescriptions set summary_json = '{}'")
            assert whats("appointment", "a1", "a2", "a3") == [
                ("a1", "rescheduled"), ("a2", "booked"), ("a3", "booked"),
            ]  # fmt: skip
            assert whats("prescription", "rx1", "rx2") == [("rx1", "changed"), ("rx2", "changed")]
