"""The status functions as they are served, on real databases: who may ask, what the API says."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from shared.stores.core import CoreDatabase
from shared.stores.supabase import Supabase
from tests.contract.real_stores import RealStores, Sql
from tests.contract.served_status import (
    BROKEN,
    DOCUMENT,
    app,
    bring_patients,
    signed,
    signed_in,
)


@pytest.fixture(name="to")
def _to(
    core: CoreDatabase, sql: Sql, supabase: Supabase, supabase_sql: Sql,
    monkeypatch: pytest.MonkeyPatch,
) -> RealStores:  # fmt: skip
    to = RealStores(core, sql, supabase, supabase_sql)
    bring_patients(to, monkeypatch)
    return to


@pytest.fixture(name="http")
def _http(to: RealStores) -> Callable[[str], FlaskClient]:
    return lambda name: app(name).test_client()


def test_operators_get_the_products_shape(http: Callable[[str], FlaskClient]) -> None:
    answer = http("sync_status").get("/api/sync/status").get_json()
    assert answer["status"] == "degraded"
    assert (answer["postgres_users"], answer["supabase_documents"]) == (3, 3)
    assert (answer["pending_syncs"], answer["failed_syncs"]) == (0, 1)
    assert answer["last_check"]
    patient = http("sync_status").get("/api/sync/patient/u1").get_json()
    assert {"postgres_user", "firebase_profile", "supabase_documents", "sync_logs"} <= set(patient)
    (item,) = http("sync_status").get("/api/sync/stuck?state=parked").get_json()["items"]
    assert (item["key"], item["code"]) == (BROKEN, "document_type_unknown")


def test_operators_are_those_whom_the_setting_names(
    http: Callable[[str], FlaskClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CALLED_BY", "operator@example.com")
    for path in ("/", "/openapi.json", "/api/sync/status", "/api/sync/patient/u1"):
        for headers in ({}, {"Authorization": "Bearer a.b.c"}):
            answer = http("sync_status").get(path, headers=headers)
            assert answer.status_code == 401
            assert answer.get_json()["error"] == "unauthorized"


def test_a_query_of_raw_bytes_is_a_mistake_of_the_caller(
    http: Callable[[str], FlaskClient],
) -> None:
    raw = {"QUERY_STRING": "\xa0"}
    answer = http("sync_status").get("/api/sync/status", environ_overrides=raw)
    assert (answer.status_code, answer.get_json()["error"]) == (400, "query_form")


@pytest.mark.parametrize(
    ("caller", "asked", "status"),
    [("u1", "u1", 200), ("d1", "u1", 200), ("u2", "u1", 403), ("d1", "u2", 403),
     ("u1", "nobody", 403), ("u1", "id-1", 403), ("nobody", "nobody", 404)],
)  # fmt: skip
def test_a_patient_is_told_of_themself_and_a_doctor_of_their_patients(
    http: Callable[[str], FlaskClient], caller: str, asked: str, status: int
) -> None:
    answer = http("patient_status").get(f"/api/sync/patient/{asked}", headers=signed_in(caller))
    assert answer.status_code == status
    if status == 200:
        assert answer.get_json()["uid"] == "u1"


def test_without_a_token_nobody_is_told_anything(http: Callable[[str], FlaskClient]) -> None:
    paths = ("patient/u1", "patient/nobody", "patient/%20", f"visible/document/{DOCUMENT}")
    answers = {http("patient_status").get(f"/api/sync/{path}").get_data() for path in paths}
    assert len(answers) == 1
    bad = {"Authorization": "Bearer eyJhbGciOiJub25lIn0.e30."}
    assert http("patient_status").get("/api/sync/patient/u1", headers=bad).status_code == 401


def test_a_web_app_may_ask_with_a_token_and_read_every_answer(
    http: Callable[[str], FlaskClient],
) -> None:
    path = "/api/sync/patient/u1"
    asks = {
        "Origin": "https://doctors.example.com",
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "authorization",
    }
    beforehand = http("patient_status").options(path, headers=asks)
    assert beforehand.status_code == 204
    assert beforehand.headers["Access-Control-Allow-Origin"] == "*"
    assert beforehand.headers["Access-Control-Allow-Methods"] == "GET"
    assert beforehand.headers["Access-Control-Allow-Headers"] == "Authorization"
    for headers, status in ((signed_in("d1"), 200), (signed_in("u2"), 403), ({}, 401)):
        answer = http("patient_status").get(path, headers=headers)
        assert answer.status_code == status
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert "Access-Control-Allow-Credentials" not in answer.headers


def test_no_other_page_may_read_what_operators_are_told(
    http: Callable[[str], FlaskClient],
) -> None:
    for method in ("GET", "OPTIONS"):
        answer = http("sync_status").open("/api/sync/status", method=method)
        assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.parametrize(("caller", "status"), [("u1", 200), ("d1", 200), ("u2", 404)])
def test_visibility_is_told_to_the_owner_and_their_doctor(
    http: Callable[[str], FlaskClient], caller: str, status: int
) -> None:
    path = f"/api/sync/visible/document/{DOCUMENT}?wait_s=1"
    answer = http("patient_status").get(path, headers=signed_in(caller))
    assert answer.status_code == status
    unknown = http("patient_status").get(
        "/api/sync/visible/document/3f2b8a54-0c5c-4d0b-9a53-7a4a2f5f9999", headers=signed_in("u2")
    )
    assert unknown.status_code == 404
    if status == 404:
        assert answer.get_data() == unknown.get_data()
    else:
        assert answer.get_json()["visible"] is True


def test_a_change_that_arrives_while_the_app_waits_is_told_at_once(
    to: RealStores, http: Callable[[str], FlaskClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    to.supabase_sql.execute("update documents set text = 'corrected'")

    def meanwhile(_seconds: float) -> None:
        to.run()

    monkeypatch.setattr("shared.status.status_routes.time.sleep", meanwhile)
    answer = http("patient_status").get(
        f"/api/sync/visible/document/{DOCUMENT}?wait_s=20", headers=signed_in("u1")
    ).get_json()  # fmt: skip
    assert (answer["state"], answer["visible"], answer["searchable"]) == ("visible", True, True)


def test_a_replay_delivers_a_parked_item_once_more(
    to: RealStores, http: Callable[[str], FlaskClient]
) -> None:
    to.supabase_sql.execute("update documents set type = 'lab_report' where patient_id = 'u2'")
    answer = http("sync_status").post(
        "/api/sync/replay", json={"step": "store_document", "code": "document_type_unknown"}
    )
    assert answer.get_json() == {"retried": 1, "failed": 0}
    to.bus.run_until_quiet(to)
    assert http("sync_status").get("/api/sync/status").get_json()["failed_syncs"] == 0


@pytest.mark.parametrize(
    "body",
    [{"step": 7}, {"nonsense": "x"}, ["list"], {"step": "Store User"}],
)
def test_a_replay_that_breaks_a_rule_replays_nothing(
    to: RealStores, http: Callable[[str], FlaskClient], body: Any
) -> None:
    assert http("sync_status").post("/api/sync/replay", json=body).status_code == 422
    plain = http("sync_status").post("/api/sync/replay", data="{}")
    assert plain.status_code == 415  # so that no other site's form can send one
    assert not to.bus.pending


@pytest.mark.parametrize(
    ("path", "body", "step"),
    [
        ("/supabase/document-processed",
         {"document_id": DOCUMENT, "patient_id": "u1", "type": "lab"}, "store_document"),
        ("/firebase/user-created",
         {"uid": "u9", "email": "u9@example.com", "phoneNumber": None}, "store_user"),
    ],
)  # fmt: skip
def test_the_products_own_routes_announce_and_their_trace_is_resolved(
    to: RealStores, http: Callable[[str], FlaskClient], path: str, body: Any, step: str
) -> None:
    to.sign_up("u9", email="u9@example.com")
    data = json.dumps(body).encode()
    answer = http("receive_announcement").post(path, data=data, headers=signed(data))
    assert answer.status_code == 202
    trace = answer.get_json()["trace_id"]
    look = http("sync_status").get
    early = look(f"/api/sync/trace/{trace}").get_json()
    assert (early["state"], [e["state"] for e in early["entries"]]) == ("under_way", ["announced"])
    to.run()
    later = look(f"/api/sync/trace/{trace}").get_json()
    assert later["state"] == "done"
    assert step in {entry["step"] for entry in later["entries"]}
    assert look(f"/api/sync/trace/{'0' * 32}").status_code == 404


def test_the_products_own_routes_refuse_strangers_before_they_look(
    to: RealStores, http: Callable[[str], FlaskClient]
) -> None:
    journal = to.core_sql.execute("select count(*) from sync.journal").fetchone()
    for path in ("/supabase/document-processed", "/firebase/user-created"):
        for body in (b"{}", b"not json", b'{"uid": "u1"}'):
            headers = signed(b"something else")
            answer = http("receive_announcement").post(path, data=body, headers=headers)
            assert answer.status_code == 401
    for body in (b"{}", b'{"document_id": "u1"}', b'{"document_id": 1}', b"[]"):
        answer = http("receive_announcement").post(
            "/supabase/document-processed", data=body, headers=signed(body)
        )
        assert answer.status_code == 422
    assert to.core_sql.execute("select count(*) from sync.journal").fetchone() == journal
    assert not to.bus.pending


def test_the_page_runs_no_script_but_its_own_and_asks_nobody_else(
    http: Callable[[str], FlaskClient],
) -> None:
    page = http("sync_status").get("/")
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    text = page.get_data(as_text=True)
    links = re.findall(r'(?:src|href)="([^"#]+)"', text)
    assert set(links) == {"status.css", "status.js", "openapi.json"}
    assert not re.search(r"<style|<script(?! type=\"module\" src)| on\w+=|style=", text)
    for name in ("status.css", "status.js", "chain_map.js"):
        file = http("sync_status").get(f"/{name}")
        assert file.status_code == 200
        assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", file.get_data(as_text=True))
        again = http("sync_status").get(f"/{name}", headers={"If-None-Match": file.headers["ETag"]})
        assert again.status_code == 304
