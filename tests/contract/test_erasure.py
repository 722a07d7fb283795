"""
Erasure on real databases: a patient whose every column is marked is gone from both, by a search of
every text of every table; what the policy keeps stays without the person; nothing late comes back.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import psycopg
import psycopg.sql
import pytest

from shared import settings
from shared.erasure.erasing import look_for_the_last_time
from shared.errors import PermanentError
from shared.events import Event, Ref, new_traceparent
from shared.models import Account, Erasure, Receipt
from shared.outcomes import Outcome
from shared.people.conflict_sweep import look_again
from shared.stores.core import CoreDatabase
from shared.stores.supabase import Supabase
from tests.contract.memory_core_world import batch
from tests.contract.real_stores import RealStores, Sql
from tests.memory.core import MemoryCore
from tests.memory.erasures import MemoryCoreErasures

UID, MARK = "uid-of-asha", "plantedmarker"
NAME, EMAIL, PHONE = f"Asha {MARK}", f"{MARK}@example.com", "+919876543210"
DOCUMENT = "7c8f4f4e-8c1b-4f4e-9d3c-1d2b3c4d5e6f"
URL = "https://prescriptions.s3.ap-south-1.amazonaws.com/rx1.pdf"
MARKS = (UID, MARK, "9876543210")

_TEXTS = """
select n.nspname as schema, c.relname as name from pg_class c
join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p') and n.nspname not in ('pg_catalog', 'information_schema')
  and n.nspname !~ '^pg_toast'
"""


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


def found(sql: Sql) -> set[str]:
    """Return the tables of a database in which a planted marker is found, in any column."""
    tables = sql.execute(_TEXTS).fetchall()
    hits: set[str] = set()
    for table in tables:
        name = psycopg.sql.Identifier(table["schema"], table["name"])
        query = psycopg.sql.SQL(
            "select count(*) as n from {} t where to_jsonb(t)::text ~ {}"
        ).format(name, "|".join(MARKS))
        if sql.execute(query).fetchone()["n"]:  # pyright: ignore[reportOptionalSubscript]
            hits.add(f"{table['schema']}.{table['name']}")
    return hits


def everywhere(to: RealStores) -> set[str]:
    places = {f"firebase {path}" for path in to.firebase.documents if UID in path}
    places |= {f"account {uid}" for uid in to.firebase.account_rows if uid == UID}
    places |= {f"file {path}" for path in to.storage.below(f"documents/{UID}/")}
    return found(to.core_sql) | found(to.supabase_sql) | places


def send(to: RealStores, topic: str, kind: str, key: str) -> None:
    to.publish([Event(topic, (Ref(kind, key),), new_traceparent())])
    to.run()


def plant(to: RealStores) -> None:
    """A patient who went through every chain, with a marker in every store."""
    to.firebase.sign_up(UID, email=EMAIL, phone=PHONE)
    to.firebase.write_profile(UID, name=NAME, address={"city": MARK}, fcmToken=MARK)
    send(to, "user-changed", "user", UID)
    send(to, "profile-changed", "user", UID)
    to.pdf_sources.pdfs[URL] = b"%PDF"  # pyright: ignore[reportAttributeAccessIssue]
    notes = f"{NAME} (call {PHONE}) has fever, BP 120/80"
    to.prescribe("rx1", UID, notes=notes, diagnosis="fever", patient_name=NAME)
    to.core_sql.execute(
        "update appointments set address = %(mark)s, status = 'CONFIRMED'", {"mark": MARK}
    )
    to.core_sql.execute("update prescriptions set pdf_url = %(url)s", {"url": URL})
    to.upload(DOCUMENT, UID, {"medications": [{"name": MARK, "frequency": "BD"}]}, "report")
    to.supabase_sql.execute("update documents set text = %(mark)s", {"mark": MARK})
    to.run()


def age(to: RealStores, years: int) -> None:
    """Let the visit lie in the past."""
    to.at_core(
        "update appointments set start_ts = now() - make_interval(years => %(years)s)",
        years=years,
    )


def quiet(to: RealStores) -> None:
    """Let every step end that ran when something of the patient's was buried."""
    to.core_sql.execute(
        "update sync.erasures set ordered_at = ordered_at - interval '1 minute',"
        " buried_at = buried_at - interval '1 minute'"
    )


def erase(to: RealStores) -> None:
    to.firebase.delete(UID)
    send(to, "user-deleted", "user", UID)
    quiet(to)
    to.run()


def row(to: RealStores) -> dict[str, Any]:
    (erasure,) = to.core_sql.execute("select * from sync.erasures").fetchall()
    return erasure


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
    shown = "select count(*) as n from sync.projection_appointments"  # what reconciliation wants
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


@pytest.mark.parametrize("kind", ["memory", "postgres"])
def test_receipts_add_up_and_keep_the_last_state(to: RealStores, kind: str) -> None:
    erasures: Any = to.core_erasures
    if kind == "memory":
        erasures = MemoryCoreErasures(MemoryCore())
    key, state = erasures.order(UID, "asha.op")
    assert state == "ordered"
    step, done = batch("erase_core", Ref("erasure", key)), Outcome(Ref("erasure", key), "done")
    erasures.note(step, [Receipt(key, "core", failed="core_unreachable")], [done])
    erasures.note(step, [Receipt(key, "core", 3, 2, code="kept_by_policy")], [done])
    erasures.note(step, [Receipt(key, "core", 1, 0), Receipt(key, "storage")], [done])
    noted = erasures.find(UID)["receipts"]
    assert (noted["core"]["state"], noted["core"]["erased"], noted["core"]["held"]) == (
        "held", 4, 2,
    )  # fmt: skip
    assert noted["storage"]["state"] == "none"
    assert erasures.read([key])[key].by_operator
    assert noted["core"]["code"] == "kept_by_policy"
    waits = [Receipt(key, "queues", waits=True, code="ids_until_last_look")]
    erasures.note(step, waits, [done])
    assert erasures.find(UID)["receipts"]["queues"]["state"] == "held"
    erasures.note(step, [Receipt(key, "queues", code="retention_is_over")], [done])
    assert erasures.find(UID)["receipts"]["queues"]["state"] == "none"
    assert erasures.end_round(key, 1, "sealed", 0) == "ordered"
    assert erasures.read([key])[key].round == 2
    assert erasures.end_round(key, 0, "sealed", 0) == "certified"
    assert erasures.read([key]) == {}
    assert erasures.owners([Ref("user", UID), Ref("user", "other")]) == {("user", UID): key}
    assert erasures.due_looks(10) == [(key, "sealed")]
    assert not erasures.look_again(key, "another-uid")
    assert erasures.look_again(key, UID)
    assert erasures.read([key])[key].last_look
    assert erasures.end_round(key, 0, "sealed", 0) == "certified"
    assert erasures.due_looks(10) == []


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
