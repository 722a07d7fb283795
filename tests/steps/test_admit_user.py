"""A mirrored user gets the claim by which Supabase accepts its Firebase token."""

from __future__ import annotations

import pytest

from shared.errors import PermanentError, TransientError
from shared.events import Ref
from tests.memory import faults
from tests.memory.clients import MemoryClients
from tests.steps.conftest import Send


@pytest.fixture(autouse=True)
def _account(to: MemoryClients) -> None:
    to.firebase.sign_up("u1", phone="+919876543210")


def ref(uid: str = "u1") -> Ref:
    return Ref("user", uid, 7)


def state(to: MemoryClients, uid: str = "u1") -> tuple[str, str | None]:
    row = to.memory_core.ledger_rows["user", uid, "admit_user"]
    return row.state, row.error_code


def test_the_claim_is_added_and_the_others_are_kept(to: MemoryClients, send: Send) -> None:
    to.accounts.set_claims("u1", {"plan": "free", "role": "something else"})
    send("user-mirrored", ref())
    assert to.firebase.account_rows["u1"].claims == {"plan": "free", "role": "authenticated"}
    assert state(to) == ("done", None)


def test_an_account_that_has_the_claim_is_left_alone(to: MemoryClients, send: Send) -> None:
    send("user-mirrored", ref())
    effects: list[str] = []
    to.firebase.hook = lambda moment, name: effects.append(name) if moment == "before" else None
    for _ in range(4):
        send("user-mirrored", ref())
    assert effects == ["accounts.read"] * 4


def test_an_account_that_is_gone_is_recorded_as_gone(to: MemoryClients, send: Send) -> None:
    send("user-mirrored", ref("u1"), ref("nobody"))
    assert (state(to), state(to, "nobody")) == (("done", None), ("gone", "source_gone"))


def test_an_account_deleted_between_reading_and_writing_is_gone(
    to: MemoryClients, send: Send
) -> None:
    faults.at(to.firebase, "accounts.read", lambda: to.firebase.delete("u1"), moment="after")
    send("user-mirrored", ref())
    assert state(to) == ("gone", "source_gone")


def test_claims_that_firebase_refuses_park_the_one_account(to: MemoryClients, send: Send) -> None:
    to.firebase.sign_up("u2")
    refusal = PermanentError("firebase_invalid_argument")
    faults.fail(to.firebase, "accounts.set_claims", refusal)
    send("user-mirrored", ref("u1"), ref("u2"))
    assert state(to) == ("parked", "firebase_invalid_argument")
    assert state(to, "u2") == ("done", None)


def test_a_used_up_quota_refuses_the_batch_which_is_done_later(
    to: MemoryClients, send: Send
) -> None:
    to.firebase.sign_up("u2")
    quota = TransientError("firebase_quota")
    faults.fail(to.firebase, "accounts.set_claims", quota, moment="after")
    send("user-mirrored", ref("u1"), ref("u2"))
    assert to.bus.refusals == [("admit_user", "firebase_quota")]
    claims = [account.claims for account in to.firebase.account_rows.values()]
    assert claims == [{"role": "authenticated"}] * 2
