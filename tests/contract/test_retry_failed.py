"""retry_failed over HTTP, on a real ledger: what a person may ask for, and what is answered."""

from __future__ import annotations

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
    assert http.post("/").json == {"retried": 0, "failed": 1}  # by schedule: it has not rested
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
