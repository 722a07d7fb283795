"""
Erasure on real databases: a patient whose every column is marked is gone from both, by a search of
every text of every table; what the policy keeps stays without the person; nothing late comes back.
"""

from __future__ import annotations

from datetime import timedelta

import psycopg
import pytest

from shared import settings
from shared.erasure.erasing import look_for_the_last_time
from shared.errors import PermanentError
from shared.events import Ref
from shared.models.erasures import Erasure
from shared.models.users import Account
from shared.people.conflict_sweep import look_again
from shared.stores.core import CoreDatabase
from shared.stores.core_findings import Finding, Report
from shared.stores.core_resyncs import CoreResyncs
from shared.stores.supabase import Supabase
from tests.contract.memory_core_world import batch
from tests.contract.planted_patient import (
    DOCUMENT,
    EMAIL,
    MARK,
    PHONE,
    UID,
    age,
    erase,
    everywhere,
    plant,
    quiet,
    row,
    send,
)
from tests.contract.real_stores import RealStores, Sql


@pytest.fixture(name="to")
def _to(
    core: CoreDatabase,
    sql: Sql,
    supabase: Supabase,
    supabase_sql: Sql,
    monkeypatch: pytest.MonkeyPatch,
) -> RealStores:
    monkeypatch.setenv("ERASURE_QUIET_S", "1")
    return RealStores(core, sql, supabase, supabase_sql)


def test_no_table_of_either_database_tells_of_an_erased_patient(to: RealStores) -> None:
    plant(to)
    age(to, 4)
    planted = everywhere(to)
    assert {"public.users", "public.patients", "public.documents", "auth.users"} <= planted
    assert {"sync.ledger", "sync.journal", "sync.told", "auth.audit_log_entries"} <= planted
    erase(to)
    assert everywhere(to) == set()
    erasure = row(to)
    assert (erasure["state"], erasure["uid"]) == ("certified", None)
    states = {store: receipt["state"] for store, receipt in erasure["receipts"].items()}
    assert states == {
        "supabase": "erased",
        "storage": "erased",
        "supabase_auth": "erased",
        "firestore": "erased",
        "firebase_auth": "none",
        "core": "erased",
        "backend_s3": "held",
        "dead_letters": "none",
        "certificate": "none",
        "queues": "held",
    }


def test_a_certified_erasure_runs_once_more_when_no_message_of_before_is_left(
    to: RealStores,
) -> None:
    plant(to)
    erase(to)
    certified = row(to)
    assert certified["look_again_at"] - certified["certified_at"] == timedelta(days=8)
    assert to.core_erasures.due_looks(10) == []
    to.at_core("update sync.erasures set look_again_at = now()")
    ((erasure, sealed),) = to.core_erasures.due_looks(10)
    assert not to.core_erasures.look_again(erasure, "another-uid")
    to.firebase.put_document(f"users/{UID}/inbox/late", {"text": MARK})
    assert look_for_the_last_time(to.core_erasures, settings.id_namespace(), 10) == 1
    assert look_for_the_last_time(to.core_erasures, settings.id_namespace(), 10) == 0
    to.run()
    assert everywhere(to) == set()
    last = row(to)
    assert (last["state"], last["uid"], last["sealed"], last["last_look"]) == (
        "certified", None, None, True,
    )  # fmt: skip
    assert last["receipts"]["queues"] == {
        "state": "none", "erased": 0, "code": "retention_is_over",
    }  # fmt: skip
    assert sealed != UID
    assert to.core_erasures.due_looks(10) == []


def test_where_a_comparison_and_a_resync_stood_tells_of_nobody(to: RealStores) -> None:
    plant(to)
    path = f"users/{UID}/appointments/strayed"
    run = to.core_findings.begin("appointments", dry_run=False)
    found = [Finding("appointment", path, "orphan"), Finding("user", UID, "orphan")]
    to.core_findings.finish(run, "appointments", Report(), found)
    to.core_findings.note_removal("appointments", [path], "asha.op")
    resyncs = CoreResyncs(to.core)
    for kind, after in (("user", UID), ("profile", f"users/{UID}")):
        resync = resyncs.begin(kind, "core", 1, resume=False)
        resync.after, resync.state = after, "budget"
        resyncs.note(resync)
    age(to, 4)
    erase(to)
    assert everywhere(to) == set()
    assert row(to)["state"] == "certified"


def test_an_order_given_again_keeps_what_was_told_of_the_first(to: RealStores) -> None:
    plant(to)
    erase(to)
    before = row(to)["receipts"]["supabase"]
    assert before["erased"] > 0
    to.core_erasures.order(UID, "asha.op")
    quiet(to)
    to.run()
    assert (row(to)["state"], row(to)["receipts"]["supabase"]) == ("certified", before)


def test_recent_prescriptions_are_kept_without_the_person(to: RealStores) -> None:
    plant(to)
    erase(to)
    assert everywhere(to) == set()
    (kept,) = to.core_sql.execute("select summary_json as s from prescriptions").fetchall()
    assert kept["s"] == {
        "notes": "[erased] (call [erased]) has fever, BP 120/80",
        "diagnosis": "fever",
    }
    (visit,) = to.core_sql.execute("select * from appointments").fetchall()
    assert visit["address"] is None
    receipt = row(to)["receipts"]["core"]
    assert (receipt["state"], receipt["held"], receipt["code"]) == ("held", 1, "kept_by_policy")
    shown = "select count(*) as n from sync.projection_appointments()"  # what reconciliation wants
    assert to.core_sql.execute(shown).fetchone() == {"n": 0}


def ordered(to: RealStores) -> Erasure:
    """Return the erasure as a step reads it."""
    key = row(to)["id"]
    return to.core_erasures.read([key])[key]


def test_a_visit_is_known_until_the_certificate_though_its_row_has_gone(to: RealStores) -> None:
    plant(to)
    age(to, 4)
    (visit,) = to.core_sql.execute("select id from appointments").fetchall()
    to.core_erasures.order(UID, None)
    to.core_sql.execute("delete from appointments")
    assert ordered(to).visits == (visit["id"],)
    to.core_erasures.erase(ordered(to).id)
    assert ordered(to).visits == (visit["id"],)
    to.core_erasures.end_round(ordered(to).id, 0, "sealed", 0)
    assert row(to)["visits"] == []


def test_the_certificate_waits_from_the_last_burial_not_from_the_order(to: RealStores) -> None:
    plant(to)
    to.core_erasures.order(UID, None)
    quiet(to)
    to.core_erasures.bury(ordered(to).id, [Ref("document", DOCUMENT)])  # is buried already
    assert ordered(to).age_s > 59
    to.prescribe("rx2", UID)  # by the backend; core erases it with the rest
    to.core_erasures.erase(ordered(to).id)
    assert ordered(to).age_s < 59
    assert len(ordered(to).visits) == 2


def test_late_and_replayed_events_of_every_kind_bring_nothing_back(to: RealStores) -> None:
    plant(to)
    replayed = list(to.bus.messages)
    erase(to)
    for topic, data, attributes in replayed:
        to.bus.accept(topic, data, dict(attributes))
    to.run()
    quiet(to)
    to.run()
    assert everywhere(to) == set()
    assert row(to)["state"] == "certified"


def test_the_databases_themselves_refuse_an_erased_patient(to: RealStores) -> None:
    plant(to)
    erase(to)
    account = Account(UID, EMAIL, PHONE, verified=True, claims={})
    ref = Ref("user", UID)
    with pytest.raises(PermanentError, match="patient_erased"):
        to.core_users.store(
            batch("store_user", ref), [(account, "id", "pid")], to.core_users.ticket()
        )
    with pytest.raises(psycopg.Error, match="erased"):
        to.upload(DOCUMENT, UID)
    with pytest.raises(psycopg.Error, match="erased"):
        to.core_sql.execute(
            "insert into users (id, role, firebase_uid) values ('back', 'PATIENT', %(uid)s)",
            {"uid": UID},
        )
    assert everywhere(to) == set()


def test_the_same_person_under_a_new_uid_is_a_new_patient(to: RealStores) -> None:
    plant(to)
    erase(to)
    to.firebase.sign_up("fresh", email=EMAIL, phone=PHONE)
    send(to, "user-changed", "user", "fresh")
    found_again = to.core_users.read(["fresh"])["fresh"]
    assert (found_again.email, found_again.phone) == (EMAIL, PHONE)


@pytest.mark.parametrize("kept", [True, False])
def test_another_user_who_waited_for_the_contact_has_it_without_a_hand(
    to: RealStores, *, kept: bool
) -> None:
    plant(to)
    if not kept:
        age(to, 4)  # nothing is kept, and the holder's row goes altogether
    to.firebase.sign_up("other", phone=PHONE)
    send(to, "user-changed", "user", "other")
    assert to.core_conflicts.open() != []
    erase(to)
    assert to.core_users.read(["other"])["other"].phone is None
    look_again(to.core_conflicts, to.publish, rest_s=6 * 3600, limit=10)  # as the schedule does
    to.run()
    assert to.core_conflicts.open() == []
    assert to.core_users.read(["other"])["other"].phone == PHONE
    (mirrored,) = to.supabase_users.find([], [], [PHONE.removeprefix("+")])
    assert mirrored.app_metadata["firebase_uid"] == "other"


def test_a_legal_hold_is_respected_until_it_is_released(to: RealStores) -> None:
    plant(to)
    to.core_erasures.hold(UID, "a court's order", "asha.op")
    assert to.core_erasures.order(UID, "asha.op")[1] == "held"
    to.run()
    assert "public.users" in everywhere(to)
    assert to.core_tombstones.buried([Ref("user", UID)]) == set()
    assert to.core_erasures.release(UID)
    assert to.core_erasures.order(UID, "asha.op")[1] == "ordered"
    to.run()
    quiet(to)
    to.run()
    assert everywhere(to) == set()


def test_only_patients_are_erased(to: RealStores) -> None:
    to.core_sql.execute("insert into users (id, role, firebase_uid) values ('d', 'DOCTOR', 'doc')")
    assert to.core_erasures.order("doc", "asha.op") == (None, "refused")
