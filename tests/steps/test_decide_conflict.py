"""An operator decides a conflict; those concerned go through the chain again and it settles."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from shared.errors import TransientError
from shared.events import Ref
from tests.memory import faults
from tests.memory.clients import MemoryClients
from tests.steps.conftest import Send

PHONE = "+919876543210"
Decide = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture(name="decide")
def _decide(to: MemoryClients, http: Callable[[str], FlaskClient]) -> Decide:
    """Post a decision, deliver what it announces; return status and answer."""

    def decide(decision: str, conflict: object = 1, **body: Any) -> tuple[int, dict[str, Any]]:
        given = {"conflict": conflict, "decision": decision, "operator": "asha.op"} | body
        answer = http("decide_conflict").post("/", json=given)
        to.run()
        return answer.status_code, answer.get_json()

    return decide


@pytest.fixture(name="clash")
def _clash(to: MemoryClients, send: Send) -> None:
    """A staff-made user holds the phone of an account that signs up."""
    to.memory_core.put_user("staff-made", phone="+91 98765 43210")
    to.firebase.sign_up("u1", phone=PHONE, email="asha@example.com")
    send("user-changed", Ref("user", "u1"))


def user(to: MemoryClients, uid: str = "u1") -> dict[str, Any]:
    row = to.memory_core.user_by_uid(uid)
    assert row is not None
    return row


@pytest.mark.usefixtures("clash")
def test_a_contact_given_to_this_user_reaches_core_and_the_mirror(
    to: MemoryClients, decide: Decide
) -> None:
    assert user(to)["phone"] is None
    assert decide("give_to_this") == (
        200,
        {"conflict": 1, "decision": "give_to_this", "announced": 1},
    )
    assert user(to)["phone"] == PHONE
    assert to.memory_core.user_rows["staff-made"]["phone"] is None
    (auth,) = to.memory_supabase.auth_users.values()
    assert auth.phone == PHONE[1:]
    assert to.memory_core.open_conflicts == {}
    steps = [(row.step, row.key, row.code) for row in to.memory_core.journal_rows]
    assert ("decide_conflict", "u1", "give_to_this") in steps


@pytest.mark.usefixtures("clash")
def test_a_contact_left_with_its_holder_changes_nothing_and_is_not_asked_again(
    to: MemoryClients, send: Send, decide: Decide
) -> None:
    assert decide("keep_other")[1]["announced"] == 0
    send("user-changed", Ref("user", "u1"))
    assert user(to)["phone"] is None
    assert to.memory_core.user_rows["staff-made"]["phone"] == "+91 98765 43210"
    assert to.memory_core.open_conflicts == {}


@pytest.mark.usefixtures("clash")
def test_the_same_decision_again_announces_again_and_another_is_refused(decide: Decide) -> None:
    assert decide("give_to_this")[0] == 200
    assert decide("give_to_this")[0] == 200
    status, answer = decide("keep_other")
    assert (status, answer["error"]) == (409, "conflict_closed")


@pytest.mark.usefixtures("clash")
def test_a_decision_whose_announcement_failed_can_be_repeated(
    to: MemoryClients, decide: Decide
) -> None:
    faults.fail(to.bus, "bus.publish user-changed", TransientError("publish_failed"))
    assert decide("give_to_this")[0] == 503
    assert user(to)["phone"] is None
    assert decide("give_to_this")[0] == 200
    assert user(to)["phone"] == PHONE


@pytest.mark.usefixtures("clash")
def test_a_contact_that_the_account_gave_up_cannot_be_given(
    to: MemoryClients, decide: Decide
) -> None:
    to.firebase.sign_up("u1", email="asha@example.com")
    status, answer = decide("give_to_this")
    assert (status, answer["error"]) == (409, "contact_gone")
    assert to.memory_core.user_rows["staff-made"]["phone"] == "+91 98765 43210"


def test_both_users_are_announced_and_the_loser_is_settled_too(
    to: MemoryClients, send: Send, decide: Decide
) -> None:
    """The number moved from one account to the other, and the first has not signed in since."""
    to.firebase.sign_up("old", phone=PHONE)
    send("user-changed", Ref("user", "old"))
    to.firebase.sign_up("old", email="old@example.com")
    to.firebase.sign_up("new", phone=PHONE)
    send("user-changed", Ref("user", "new"))
    assert user(to, "new")["phone"] is None
    assert decide("give_to_this")[1]["announced"] == 2
    assert (user(to, "old")["phone"], user(to, "old")["email"]) == (None, "old@example.com")
    assert user(to, "new")["phone"] == PHONE
    mirrors = {a.app_metadata["firebase_uid"]: a for a in to.memory_supabase.auth_users.values()}
    assert (mirrors["old"].phone, mirrors["old"].email) == (None, "old@example.com")
    assert mirrors["new"].phone == PHONE[1:]
    assert to.memory_core.open_conflicts == {}


def test_a_contact_held_in_supabase_alone_is_released_there(
    to: MemoryClients, send: Send, decide: Decide
) -> None:
    holder = "5d1f0c6e-0000-4000-8000-000000000001"
    to.supabase_users.create(holder, {"phone": PHONE})
    to.firebase.sign_up("u1", phone=PHONE, email="asha@example.com")
    send("user-changed", Ref("user", "u1"))
    assert [at[2] for at in to.memory_core.open_conflicts] == ["mirror_user"]
    assert decide("give_to_this")[0] == 200
    assert to.memory_supabase.auth_users[holder].phone is None
    assert to.memory_supabase.auth_users[user(to)["id"]].phone == PHONE[1:]
    assert to.memory_core.open_conflicts == {}


def test_a_patient_given_the_role_becomes_a_doctor_and_keeps_the_patient_row(
    to: MemoryClients, send: Send, decide: Decide
) -> None:
    to.firebase.sign_up("u1", phone=PHONE)
    send("user-changed", Ref("user", "u1"))
    to.firebase.write_profile("u1", name="Asha", allergies=["dust"])
    send("profile-changed", Ref("user", "u1"))
    to.firebase.write_profile("u1", "doctors", name="Asha Rao")
    send("doctor-changed", Ref("user", "u1"))
    assert decide("give_to_this")[0] == 200
    assert user(to)["role"] == "DOCTOR"
    assert user(to)["id"] in to.memory_core.doctor_rows
    assert to.memory_core.patient_rows[user(to)["id"]]["allergies"] == "dust"
    assert to.memory_core.open_conflicts == {}


def test_a_conflict_that_is_not_there_is_answered_404(decide: Decide) -> None:
    assert decide("dismissed", 99)[0] == 404


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"conflict": "1"}, "conflict"),
        ({"conflict": True}, "conflict"),
        ({"conflict": 0}, "conflict"),
        ({"decision": "merge"}, "decision"),
        ({"operator": ""}, "operator"),
        ({"operator": "x' or 1=1"}, "operator"),
        ({"operator": None}, "operator"),
    ],
)
def test_a_body_that_breaks_a_rule_is_answered_with_the_field_and_the_rule(
    http: Callable[[str], FlaskClient], body: dict[str, Any], field: str
) -> None:
    given = {"conflict": 1, "decision": "dismissed", "operator": "asha.op"} | body
    answer = http("decide_conflict").post("/", json=given)
    assert answer.status_code == 422
    assert answer.get_json()["error"] == field
    assert f"`{field}`" in answer.get_json()["message"]


@pytest.mark.parametrize(("body", "status"), [(b"{", 400), (b"[]", 422)])
def test_a_body_that_is_no_json_object_is_refused(
    http: Callable[[str], FlaskClient], body: bytes, status: int
) -> None:
    answer = http("decide_conflict").post("/", data=body, content_type="application/json")
    assert answer.status_code == status


def test_a_get_is_refused(http: Callable[[str], FlaskClient]) -> None:
    assert http("decide_conflict").get("/").status_code == 405
