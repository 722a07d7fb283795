"""An erasure as an operator orders it over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.memory.clients import MemoryClients
from tests.memory.place import alias
from tests.steps.erased_patient import (
    UID,
    bring_patient,
    everywhere,
    receipts,
    run,
)


@pytest.fixture(name="patient", autouse=True)
def _patient(to: MemoryClients) -> None:
    bring_patient(to)


@pytest.fixture(name="post")
def _post(http: Callable[[str], FlaskClient]) -> Callable[[Any], tuple[int, dict[str, Any]]]:
    def post(body: Any) -> tuple[int, dict[str, Any]]:
        answer = http("order_erasure").post("/", json=body)
        return answer.status_code, answer.get_json()

    return post


Post = Callable[[Any], tuple[int, dict[str, Any]]]


def test_an_operators_order_takes_the_firebase_account_too(to: MemoryClients, post: Post) -> None:
    order = {"uid": UID, "operator": "asha.op"}
    answer = {"erasure": alias("user", UID), "state": "ordered"}
    assert post(order) == (200, answer)
    assert post(order) == (200, answer)
    run(to)
    assert to.firebase.account_rows == {}
    assert list(everywhere(to)) == []
    assert receipts(to)["firebase_auth"] == "erased"


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        ({"operator": "asha.op"}, 422, "uid"),
        ({"uid": "two words", "operator": "asha.op"}, 422, "uid"),
        ({"uid": "u", "operator": "?"}, 422, "operator"),
        ([], 422, "not_object"),
    ],
)
def test_an_order_that_breaks_a_rule_is_refused_by_name(
    post: Post, body: Any, status: int, error: str
) -> None:
    answered, reason = post(body)
    assert (answered, reason["error"]) == (status, error)


def test_an_order_for_a_doctor_is_answered_409(to: MemoryClients, post: Post) -> None:
    to.memory_core.put_user("id-d", firebase_uid="doctor-uid", role="DOCTOR")
    assert post({"uid": "doctor-uid", "operator": "asha.op"})[0] == 409
