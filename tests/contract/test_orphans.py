"""Orphans, in memory and on real databases: reported always, removed only by a person's order."""

from __future__ import annotations

from typing import Any

import functions_framework
import pytest
from flask.testing import FlaskClient

from shared import clients
from shared.events import Event, Ref, new_traceparent
from shared.repair.orphans import OrphanError, remove
from shared.repair.projections import PROJECTIONS
from tests.contract.agreed import NAMES, drift
from tests.contract.drifts import DOC, copies_of, mirror
from tests.contract.memory_stores import Stores
from tests.databases import REPOSITORY


def called(name: str, to: Stores, monkeypatch: pytest.MonkeyPatch) -> FlaskClient:
    """Return a client of a function over the test's stores."""
    monkeypatch.setattr(clients, "_current", to)
    source = str(REPOSITORY / "main.py")
    return functions_framework.create_app(name, source, "http").test_client()


def test_an_orphan_is_reported_and_removed_only_on_order(agreed: Stores) -> None:
    agreed.lose_upload(DOC[0])
    assert drift(agreed, "documents") == {("orphan", DOC[0], None, False)}
    assert drift(agreed, "documents") == {("orphan", DOC[0], None, False)}
    with pytest.raises(OrphanError, match=DOC[1]):
        remove("documents", [DOC[0], DOC[1]], agreed, operator="asha")
    with pytest.raises(OrphanError, match="erasing"):
        remove("users", ["u1"], agreed, operator="asha")
    for _ in range(3):
        agreed.age()
    assert remove("documents", [DOC[0]], agreed, operator="asha") == 1
    assert agreed.medicines_of(DOC[0]) == 0
    assert drift(agreed, "documents") == set()


def test_a_profile_that_was_deleted_past_its_trigger_is_taken_back_on_order_only(
    agreed: Stores,
) -> None:
    agreed.firebase.delete_profile("u1")
    assert drift(agreed, "profiles") == {("orphan", "u1", None, False)}
    assert agreed.has_patient_named("Asha Rao")
    assert remove("profiles", ["u1"], agreed, operator="asha") == 1
    agreed.run()
    assert not agreed.has_patient_named("Asha Rao")
    assert drift(agreed, "profiles") == set()
    assert agreed.removals() == [("profiles", "u1", "asha")]


def test_a_profile_deleted_while_its_owner_was_no_patient_is_an_orphan_once_he_is_one_again(
    agreed: Stores,
) -> None:
    agreed.give_role("u1", "STAFF")
    agreed.run()
    agreed.firebase.delete_profile("u1")
    agreed.publish([Event("profile-changed", (Ref("user", "u1"),), new_traceparent())])
    agreed.run()
    assert drift(agreed, "profiles") == set()
    agreed.give_role("u1", "PATIENT")
    agreed.run()
    assert agreed.has_patient_named("Asha Rao")
    assert drift(agreed, "profiles") == {("orphan", "u1", None, False)}
    assert remove("profiles", ["u1"], agreed, operator="asha") == 1
    agreed.run()
    assert not agreed.has_patient_named("Asha Rao")
    assert drift(agreed, "profiles") == set()


@pytest.mark.parametrize(
    ("order", "status", "word"),
    [
        ({"projection": "paper", "keys": ["a"], "operator": "asha"}, 422, "projection"),
        ({"projection": "documents", "keys": [], "operator": "asha"}, 422, "keys"),
        ({"projection": "documents", "keys": [1], "operator": "asha"}, 422, "keys"),
        ({"projection": "documents", "keys": ["a"]}, 422, "operator"),
        ({"projection": "documents", "keys": ["a"], "operator": "asha"}, 409, "no_orphan"),
        ({"projection": "users", "keys": ["a"], "operator": "asha"}, 409, "no_orphan"),
    ],
)
def test_an_order_that_breaks_a_rule_removes_nothing(
    agreed: Stores,
    monkeypatch: pytest.MonkeyPatch,
    order: dict[str, Any],
    status: int,
    word: str,
) -> None:
    answer = called("remove_orphans", agreed, monkeypatch).post("/", json=order)
    assert (answer.status_code, answer.get_json()["error"]) == (status, word)
    assert agreed.removals() == []


def test_an_operators_order_over_http_removes_an_orphan(
    agreed: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    agreed.lose_prescription("rx1")
    order = {"projection": "prescriptions", "keys": [mirror("rx1")], "operator": "asha"}
    http = called("remove_orphans", agreed, monkeypatch)
    assert http.post("/", json=order).get_json() == {"projection": "prescriptions", "removed": 1}
    assert drift(agreed, "prescriptions") == set()
    assert http.post("/", json=order).status_code == 409


def test_by_schedule_what_must_be_listed_rests_and_an_operator_may_ask_for_it(
    agreed: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    http = called("reconcile", agreed, monkeypatch)
    assert http.post("/").get_json().keys() == {*NAMES} - {"profiles", "doctors"}
    assert http.post("/").get_json().keys() == {n for n, p in PROJECTIONS.items() if not p.listed}
    assert http.post("/", json={"projection": "profiles", "dry_run": True}).get_json().keys() == {
        "profiles"
    }
    assert http.post("/", json={"projection": "all"}).status_code == 422
    monkeypatch.setenv("RECONCILE_LISTED_S", "1")
    agreed.age()
    assert http.post("/").get_json().keys() == {*NAMES}


def test_a_copy_that_nobody_should_see_is_reported_and_removed_on_order(agreed: Stores) -> None:
    stray, lost = "users/u2/appointments/visit-rx1", "users/u1/appointments/unknown"
    shown = agreed.firebase.documents[copies_of(agreed, "rx1")[1]].data or {}
    agreed.firebase.put_document(stray, shown)
    agreed.firebase.put_document(lost, {})
    assert drift(agreed, "appointments") == {
        ("orphan", "visit-rx1", None, False),
        ("orphan", "unknown", None, False),
    }
    assert remove("appointments", ["visit-rx1", "unknown"], agreed, operator="asha") == 2
    assert {stray, lost} & agreed.firebase.documents.keys() == set()
    assert len(copies_of(agreed, "rx1")) == 2
    assert drift(agreed, "appointments") == set()


def test_the_apps_own_documents_of_the_same_name_are_no_copies(agreed: Stores) -> None:
    stray = "users/u2/appointments/visit-rx1"
    theirs = {"appointments/visit-rx1", "clinics/c1/appointments/visit-rx1"}
    for at in (stray, *theirs):
        agreed.firebase.put_document(at, {"note": "synthetic"})
    assert remove("appointments", ["visit-rx1"], agreed, operator="asha") == 1
    assert stray not in agreed.firebase.documents
    assert theirs <= agreed.firebase.documents.keys()


def test_an_orphan_mirror_is_removed_on_order(agreed: Stores) -> None:
    agreed.lose_prescription("rx1")
    assert drift(agreed, "prescriptions") == {("orphan", mirror("rx1"), None, False)}
    assert remove("prescriptions", [mirror("rx1")], agreed, operator="asha") == 1
    assert drift(agreed, "prescriptions") == set()
