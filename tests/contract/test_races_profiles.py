"""Races around profiles on a real PostgreSQL: the newest profile stays, and nothing is lost."""

from __future__ import annotations

import threading
from typing import Any

import psycopg
import pytest

from shared.events import Ref
from shared.models.profiles import DoctorProfile, Profile
from shared.stores.core import CoreDatabase
from tests.contract.memory_core_world import batch
from tests.contract.postgres_core_world import PostgresCoreWorld
from tests.contract.test_stores_core_profiles import sign_up, store
from tests.contract.test_stores_races import together

Sql = psycopg.Connection[dict[str, Any]]


@pytest.fixture(name="world")
def _world(core: CoreDatabase, sql: Sql) -> PostgresCoreWorld:
    world = PostgresCoreWorld(core, sql)
    sign_up(world)
    return world


def test_two_profiles_stored_at_once_leave_the_newer_one(world: PostgresCoreWorld) -> None:
    for first in range(1, 40, 2):
        older = Profile(name=f"older {first}", allergies="dust"), first
        newer = Profile(name=f"newer {first}"), first + 1
        outcomes = together(lambda given: store(world, *given), older, newer)
        assert {outcome.state for outcome in outcomes} == {"done"}
        assert world.patient_row("id-u1")["name"] == f"newer {first}"
        assert world.patient_row("id-u1")["allergies"] is None


def test_a_profile_and_a_sign_up_at_once_make_one_patient_row(
    world: PostgresCoreWorld, sql: Sql
) -> None:
    for number in range(2, 22):
        uid = f"u{number}"
        world.put_user(f"id-{uid}", firebase_uid=uid)
        together(
            lambda work: work(),
            lambda uid=uid: sign_up(world, uid),
            lambda uid=uid: store(world, Profile(name="Asha"), 7, uid),
        )
        assert world.patient_row(f"id-{uid}")["name"] == "Asha"
    count = sql.execute("select count(*) as n from patients where name = 'Asha'").fetchone()
    assert count is not None
    assert count["n"] == 20


def test_what_hangs_itself_on_the_patient_while_a_doctor_is_made_is_seen_and_kept(
    world: PostgresCoreWorld, sql: Sql, core_dsn: str
) -> None:
    """The document is written but not committed when the doctor's profile is stored."""
    stored: list[str] = []

    def make_doctor() -> None:
        ref = Ref("user", "u1", 7)
        rows = [(ref, "doctor-u1", DoctorProfile("Asha", "Rao"))]
        stored.append(world.doctors.store(batch("store_doctor", ref), rows)[0].state)

    maker = threading.Thread(target=make_doctor)
    with psycopg.connect(core_dsn) as backend:
        backend.execute(
            "insert into documents (id, patient_id, type) values ('d1', 'patient-u1', 'LAB')"
        )
        maker.start()
        waiting = "select count(*) as n from pg_stat_activity where wait_event_type = 'Lock'"
        while not (sql.execute(waiting).fetchone() or {"n": 0})["n"]:
            assert maker.is_alive()
        backend.commit()
    maker.join(timeout=30)
    assert stored == ["conflict"]
    assert world.document("d1") is not None
    user = world.user("u1")
    assert user is not None
    assert user["role"] == "PATIENT"


def test_an_edit_by_the_backend_during_a_store_is_not_lost(
    world: PostgresCoreWorld, sql: Sql, core_dsn: str
) -> None:
    with psycopg.connect(core_dsn) as backend:
        backend.execute("update patients set allergies = 'penicillin' where id = 'patient-u1'")
        storing = threading.Thread(target=lambda: store(world, Profile(name="Asha"), 7))
        storing.start()
        waiting = "select count(*) as n from pg_stat_activity where wait_event_type = 'Lock'"
        while not (sql.execute(waiting).fetchone() or {"n": 0})["n"]:
            assert storing.is_alive()
        backend.commit()
    storing.join(timeout=30)
    row = world.patient_row("id-u1")
    assert (row["name"], row["allergies"]) == ("Asha", "penicillin")


def test_an_unknown_table_of_the_backend_that_refers_to_patients_counts_as_recorded(
    world: PostgresCoreWorld, sql: Sql
) -> None:
    sql.execute("create table vitals (id text primary key, patient text references patients(id))")
    sql.execute("alter table vitals owner to core_owner")  # as all of the backend's are
    sql.execute("insert into vitals values ('v1', 'patient-u1')")
    ref = Ref("user", "u1", 7)
    rows = [(ref, "doctor-u1", DoctorProfile("Asha", "Rao"))]
    assert world.doctors.store(batch("store_doctor", ref), rows)[0].state == "conflict"
    assert world.patient("id-u1") == "patient-u1"


def test_a_hundred_profiles_are_one_statement_and_leave_no_unsent_announcement(
    world: PostgresCoreWorld, sql: Sql
) -> None:
    sql.execute(
        "insert into users (id, role, firebase_uid)"
        " select 'm' || n, 'PATIENT', 'many' || n from generate_series(1, 99) n"
    )
    sql.execute("update sync.outbox set sent_at = now()")
    refs = [Ref("user", f"many{n}", 7) for n in range(1, 100)]
    rows = [(ref, f"p-{ref.key}", Profile(name=ref.key), False) for ref in refs]
    outcomes = world.profiles.store(batch("store_profile", *refs), rows)
    assert {outcome.state for outcome in outcomes} == {"done"}
    assert world.unsent() == set()


def test_a_doctors_name_is_what_the_comparison_with_the_mirror_expects(
    world: PostgresCoreWorld, sql: Sql
) -> None:
    sign_up(world, "u2", email="asha@example.com")
    ref = Ref("user", "u2", 7)
    world.doctors.store(
        batch("store_doctor", ref), [(ref, "doctor-u2", DoctorProfile("Asha", "Rao"))]
    )
    row = sql.execute(
        "select canonical from sync.projection_auth_users() where key = 'u2'"
    ).fetchone()
    assert row is not None
    assert row["canonical"].endswith("\x1fDOCTOR\x1fAsha Rao")
