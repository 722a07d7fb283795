"""retry_failed over HTTP, on a real ledger: what a person may ask for, and what is answered."""

from __future__ import annotations

from copy import deepcopy

import functions_framework
import pytest
from flask.testing import FlaskClient

from shared import clients
from shared.errors import TransientError
from shared.events import Event, Ref, new_traceparent
from shared.stores.core import CoreDatabase
from shared.stores.supabase import Supabase
from tests.contract.real_stores import RealStores, Sql
from tests.databases import REPOSITORY
from tests.memory.faults import fail

DOC = "00000000-0000-4000-8000-000000000001"
FILE = "documents/stranger/a.jpg"


@pytest.fixture(name="to")
def _to(core: CoreDatabase, sql: Sql, supabase: Supabase, supabase_sql: Sql) -> RealStores:
    return RealStores(core, sql, supabase, supabase_sql)


@pytest.fixture(name="http")
def _http(to: RealStores, monkeypatch: pytest.MonkeyPatch) -> FlaskClient:
    monkeypatch.setattr(clients, "_current", to)
    return functions_framework.create_app(
        "retry_failed", str(REPOSITORY / "main.py"), "http"
    ).test_client()


def state(to: RealStores, key: str) -> str:
    row = to.core_sql.execute(
        "select state from sync.ledger where key = %(key)s and step in ('store_user',"
        " 'store_document')",
        {"key": key},
    ).fetchone()
    assert row is not None
    return str(row["state"])


def test_what_an_outage_parked_is_replayed_and_arrives(to: RealStores, http: FlaskClient) -> None:
    to.sign_up("u1", email="a@example.com")
    fail(to.firebase, "accounts.read", TransientError("firebase_quota"), times=5)
    to.publish([Event("user-changed", (Ref("user", "u1"),), new_traceparent())])
    to.run()
    assert state(to, "u1") == "parked"
    assert http.post("/").json == {
        "retried": 0,
        "failed": 1,
        "overdue": 0,
        "looked_into": 0,
        "last_looks": 0,
        "left_files": 0,
    }  # by schedule: it has not rested
    assert http.post("/", json={}).json == {"retried": 1, "failed": 0}
    to.run()
    assert state(to, "u1") == "done"


def test_a_patients_parked_uploads_are_found_though_core_does_not_know_them(
    to: RealStores, http: FlaskClient
) -> None:
    to.upload(DOC, "stranger")
    to.run()
    assert state(to, DOC) == "parked"  # its patient never came
    assert http.post("/", json={"uid": "somebody-else"}).json == {"retried": 0, "failed": 0}
    to.sign_up("stranger", email="a@example.com")
    to.publish([Event("user-changed", (Ref("user", "stranger"),), new_traceparent())])
    assert http.post("/", json={"uid": "stranger"}).json == {"retried": 1, "failed": 0}
    to.run()
    assert state(to, DOC) == "done"


def test_a_replay_is_a_new_delivery_of_the_same_effects(to: RealStores, http: FlaskClient) -> None:
    """As after a long outage: every step of a document and a prescription is replayed."""
    to.sign_up("u1", email="a@example.com")
    announce(to, "u1")
    to.firebase.write_profile("u1", name="Asha Rao", fcmToken="a-device", consentGiven=True)
    to.upload(DOC, "u1", {"medications": [{"name": "Demoxil", "strength": "5 mg"}]})
    to.prescribe("rx1", "u1", diagnosis="rest")
    to.run()
    before, traces = effects(to), delivered(to)
    to.at_core("update sync.ledger set state = 'parked', exhausted = true, error_code = 'outage'")
    steps = to.at_core("select count(*) as n from sync.ledger")[0]["n"]
    assert steps >= 12
    assert http.post("/", json={}).json == {"retried": steps, "failed": 0}
    to.run()
    assert effects(to) == before
    assert len(delivered(to) - traces) >= 1
    left = to.at_core("select step, state from sync.ledger where state <> 'done'")
    assert left == []


def delivered(to: RealStores) -> set[str]:
    return {row["trace_id"] for row in to.at_core("select trace_id from sync.journal")}


def effects(to: RealStores) -> dict[str, object]:
    """Return all that the steps have done to patients: ids, texts, notes and pushes."""
    told = to.at_core("select id, user_id, type, status, metadata from notifications order by id")
    return {
        "documents": to.at_core("select id, patient_id, text from documents order by id"),
        "medications": to.at_core("select * from medications order by id"),
        "mirrors": to.at_supabase("select id, text, version from documents order by id"),
        "chunks": to.at_supabase("select id, chunk_text from rag_chunks order by id"),
        "auth": to.at_supabase("select id, email, raw_user_meta_data from auth.users order by id"),
        "told": told,
        "inbox": to.firebase.under("users/u1/inbox"),
        "pushes": deepcopy(to.devices.shown),
    }


def delete_upload_unheard(to: RealStores) -> None:
    """Delete an upload of somebody whom core does not know; the message of it is lost."""
    to.storage.files[FILE] = b"a scan"  # pyright: ignore[reportAttributeAccessIssue]
    to.upload(DOC, "stranger")
    to.at_supabase("update documents set file_url = %(path)s", path=FILE)
    to.delete_upload(DOC)


def hours_pass(to: RealStores) -> None:
    to.at_supabase("update sync.outbox set sent_at = sent_at - interval '2 hours'")


def left_files(http: FlaskClient) -> int:
    return (http.post("/").get_json() or {})["left_files"]


def test_the_file_of_an_upload_goes_although_the_message_of_its_deletion_was_lost(
    to: RealStores, http: FlaskClient
) -> None:
    """Core never had the upload: the file alone is left to tell."""
    delete_upload_unheard(to)
    assert left_files(http) == 0  # the message may still come
    hours_pass(to)
    assert left_files(http) == 1
    assert left_files(http) == 0
    to.run()
    assert to.storage.below("documents/stranger/") == []
    hours_pass(to)
    assert left_files(http) == 0


def test_a_file_whose_removal_is_parked_is_left_to_a_person(
    to: RealStores, http: FlaskClient
) -> None:
    delete_upload_unheard(to)
    to.at_core(
        "insert into sync.ledger (kind, key, step, state, error_code)"
        " values ('document', %(id)s, 'store_document', 'parked', 'storage_refused')",
        id=DOC,
    )
    hours_pass(to)
    assert left_files(http) == 0
    assert to.storage.below("documents/stranger/") == [FILE]


def announce(to: RealStores, *uids: str) -> None:
    to.publish([Event("user-changed", (Ref("user", uid),), new_traceparent()) for uid in uids])
    to.run()


def conflicts(to: RealStores) -> list[tuple[str, str]]:
    rows = to.at_core("select key, step from sync.conflicts where resolved_at is null order by 1")
    return [(row["key"], row["step"]) for row in rows]


def looked_into(http: FlaskClient) -> int:
    return (http.post("/").get_json() or {})["looked_into"]


def test_a_contact_that_its_holder_gives_up_goes_to_whoever_has_it_without_a_hand(
    to: RealStores, http: FlaskClient
) -> None:
    to.sign_up("u1", email="a@example.com")
    announce(to, "u1")
    to.sign_up("u2", email="a@example.com")
    announce(to, "u2")
    assert conflicts(to) == [("u2", "store_user")]
    assert looked_into(http) == 0
    to.sign_up("u1", email="b@example.com")
    announce(to, "u1")
    assert looked_into(http) == 1
    to.run()
    assert conflicts(to) == []
    emails = to.at_core("select firebase_uid, email from users order by 1")
    assert [row["email"] for row in emails] == ["b@example.com", "a@example.com"]
    assert looked_into(http) == 0


def test_a_conflict_that_lasts_is_looked_into_when_it_has_rested_and_stays_one(
    to: RealStores, http: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    for uid in ("u1", "u2"):
        to.sign_up(uid, email="a@example.com")
        announce(to, uid)
    monkeypatch.setenv("CONFLICT_REST_S", "60")
    assert looked_into(http) == 0
    to.at_core("update sync.conflicts set looked_at = now() - interval '2 minutes'")
    assert looked_into(http) == 1
    assert looked_into(http) == 0
    to.run()
    assert conflicts(to) == [("u2", "store_user")]


def test_a_contact_whose_holder_is_gone_from_core_is_free(
    to: RealStores, http: FlaskClient
) -> None:
    for uid in ("u1", "u2"):
        to.sign_up(uid, email="a@example.com")
        announce(to, uid)
    to.core_sql.execute("delete from users where firebase_uid = 'u1'")
    to.firebase.delete("u1")
    assert looked_into(http) == 1
    to.run()
    assert ("u2", "store_user") not in conflicts(to)


def test_a_contact_that_is_freed_in_supabase_alone_is_found_by_the_next_look(
    to: RealStores, http: FlaskClient
) -> None:
    to.supabase_sql.execute(
        "insert into auth.users (instance_id, id, email)"
        " values ('00000000-0000-0000-0000-000000000000', gen_random_uuid(), 'a@example.com')"
    )
    to.sign_up("u1", email="a@example.com")
    announce(to, "u1")
    assert conflicts(to) == [("u1", "mirror_user")]
    to.supabase_sql.execute("delete from auth.users where email = 'a@example.com'")
    assert looked_into(http) == 0
    to.at_core("update sync.conflicts set looked_at = now() - interval '1 day'")
    assert looked_into(http) == 1
    to.run()
    assert conflicts(to) == []


@pytest.mark.parametrize(
    ("body", "status", "word"),
    [
        (b"{", 400, "JSON"),
        (b"[]", 422, "object"),
        (b'{"steps": "x"}', 422, "steps"),
        (b'{"step": 5}', 422, "step"),
        (b'{"older_s": true}', 422, "older_s"),
        (b'{"older_s": -1}', 422, "older_s"),
        (b'{"older_s": NaN}', 422, "older_s"),
    ],
)
def test_a_wrong_wish_is_refused_with_the_field_and_the_rule(
    http: FlaskClient, body: bytes, status: int, word: str
) -> None:
    answer = http.post("/", data=body)
    assert answer.status_code == status
    assert word in answer.get_json()["message"]
