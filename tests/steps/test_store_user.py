"""A Firebase account becomes a core user, whatever is delivered twice, late or half."""

from __future__ import annotations

from typing import Any

import pytest

from shared.errors import TransientError
from shared.events import Ref
from tests.memory import faults
from tests.memory.clients import MemoryClients
from tests.steps.conftest import Send

CONTACTS: dict[str, dict[str, Any]] = {
    "phone only": {"phone": "+919876543210"},
    "e-mail only": {"email": "asha@example.com"},
    "both": {"phone": "+919876543210", "email": "asha@example.com"},
}


def user(to: MemoryClients, uid: str = "u1") -> dict[str, Any]:
    row = to.memory_core.user_by_uid(uid)
    assert row is not None
    return row


def state(to: MemoryClients, uid: str = "u1") -> str:
    return to.memory_core.ledger_rows["user", uid, "store_user"].state


@pytest.mark.parametrize("kind", CONTACTS)
def test_a_sign_up_reaches_core_supabase_and_the_claims(
    to: MemoryClients, send: Send, kind: str
) -> None:
    contact = CONTACTS[kind]
    to.firebase.sign_up("u1", **contact)
    send("user-changed", Ref("user", "u1"))
    assert {name: user(to)[name] for name in contact} == contact
    assert user(to)["id"] in to.memory_core.patient_rows
    (auth,) = to.memory_supabase.auth_users.values()
    assert auth.id == user(to)["id"]
    assert (auth.email, auth.phone) == (contact.get("email"), contact.get("phone", "")[1:] or None)
    assert to.firebase.account_rows["u1"].claims == {"role": "authenticated"}


def test_a_sign_up_without_any_contact_reaches_core_and_the_claims(
    to: MemoryClients, send: Send
) -> None:
    to.firebase.sign_up("u1")
    send("user-changed", Ref("user", "u1"))
    assert (user(to)["phone"], user(to)["email"]) == (None, None)
    assert to.memory_supabase.auth_users == {}
    mirrored = to.memory_core.ledger_rows["user", "u1", "mirror_user"]
    assert (mirrored.state, mirrored.error_code) == ("done", "no_contact")
    assert to.firebase.account_rows["u1"].claims == {"role": "authenticated"}


def test_the_same_event_five_times_has_one_effect_and_five_successors(
    to: MemoryClients, send: Send
) -> None:
    to.firebase.sign_up("u1", phone="+919876543210")
    send("user-changed", Ref("user", "u1"))
    version = to.memory_core.outbox.version("user", "u1")
    for _ in range(4):
        send("user-changed", Ref("user", "u1"))
    assert len(to.memory_core.user_rows) == len(to.memory_core.patient_rows) == 1
    assert to.memory_core.outbox.version("user", "u1") == version
    assert len(to.bus.of("user-stored")) == 5


def test_an_account_read_before_a_newer_one_was_stored_changes_nothing(
    to: MemoryClients, send: Send
) -> None:
    """Between one delivery's read and its write another delivery stores the newer account."""
    to.firebase.sign_up("u1", phone="+919876543210")

    def overtake() -> None:
        to.firebase.sign_up("u1", phone="+919876543211")
        send("user-changed", Ref("user", "u1"))

    faults.at(to.firebase, "accounts.read", overtake, moment="after")
    send("user-changed", Ref("user", "u1"))
    assert user(to)["phone"] == "+919876543211"
    assert state(to) == "done"


def test_an_account_deleted_meanwhile_is_gone_and_not_forwarded(
    to: MemoryClients, send: Send
) -> None:
    send("user-changed", Ref("user", "u1"))
    assert state(to) == "gone"
    assert to.bus.of("user-stored") == []


def test_an_account_deleted_after_it_was_stored_shows_as_gone(
    to: MemoryClients, send: Send
) -> None:
    to.firebase.sign_up("u1", phone="+919876543210")
    send("user-changed", Ref("user", "u1"))
    to.firebase.delete("u1")
    send("user-changed", Ref("user", "u1"))
    assert state(to) == "gone"


def test_a_contact_of_another_account_is_a_conflict_and_goes_on(
    to: MemoryClients, send: Send
) -> None:
    to.memory_core.put_user("other", email="asha@example.com")
    to.firebase.sign_up("u1", email="asha@example.com", phone="+919876543210")
    send("user-changed", Ref("user", "u1"))
    assert (user(to)["email"], user(to)["phone"]) == (None, "+919876543210")
    assert to.memory_core.open_conflicts == {("user", "u1", "store_user", "email"): "other"}
    assert len(to.bus.of("user-mirrored")) == 1


def test_two_accounts_of_one_batch_with_one_contact_are_told_apart(
    to: MemoryClients, send: Send
) -> None:
    for uid in ("u1", "u2", "u3"):
        to.firebase.sign_up(uid, email="asha@example.com" if uid != "u3" else None)
    send("user-changed", *[Ref("user", uid) for uid in ("u1", "u2", "u3")])
    assert [user(to, uid)["email"] for uid in ("u1", "u2", "u3")] == [
        "asha@example.com",
        None,
        None,
    ]
    assert [state(to, uid) for uid in ("u1", "u2", "u3")] == ["done", "conflict", "done"]


def test_a_failed_publication_is_refused_and_repeated_without_a_double_effect(
    to: MemoryClients, send: Send
) -> None:
    to.firebase.sign_up("u1", phone="+919876543210")
    error = TransientError("publish_failed")
    faults.fail(to.bus, "bus.publish user-stored", error, times=3)
    send("user-changed", Ref("user", "u1"))
    assert to.bus.refusals == [("store_user", "publish_failed")] * 3
    assert len(to.memory_core.user_rows) == 1
    assert len(to.bus.of("user-stored")) == 1
    assert to.firebase.account_rows["u1"].claims == {"role": "authenticated"}


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_core_that_times_out_before_or_after_the_write_ends_the_same(
    to: MemoryClients, send: Send, moment: str
) -> None:
    to.firebase.sign_up("u1", phone="+919876543210")
    error = TransientError("core_unreachable")
    faults.fail(to.memory_core, "core_users.store", error, moment=moment)
    send("user-changed", Ref("user", "u1"))
    assert to.bus.refusals == [("store_user", "core_unreachable")]
    assert len(to.memory_core.user_rows) == 1
    assert state(to) == "done"


def test_a_refusal_by_firebase_shows_in_the_ledger_until_it_heals(
    to: MemoryClients, send: Send
) -> None:
    to.firebase.sign_up("u1", phone="+919876543210")
    send("user-changed", Ref("user", "u1"))
    shown: list[str] = []
    to.memory_core.hook = lambda moment, name: (
        shown.append(state(to)) if (moment, name) == ("after", "ledger.record") else None
    )
    faults.fail(to.firebase, "accounts.read", TransientError("firebase_quota"))
    send("user-changed", Ref("user", "u1"))
    assert shown[0] == "retrying"
    assert state(to) == "done"


def test_what_the_sync_wrote_is_not_announced_again_by_the_outbox(
    to: MemoryClients, send: Send
) -> None:
    to.firebase.sign_up("u1", phone="+919876543210")
    send("user-changed", Ref("user", "u1"))
    assert to.memory_core.outbox.unsent() == {}


def test_a_contact_that_moved_between_two_accounts_of_a_batch_is_no_conflict(
    to: MemoryClients, send: Send
) -> None:
    to.firebase.sign_up("u2", phone="+919876543210", email="asha@example.com")
    to.firebase.sign_up("u3", phone="+919876543211")
    send("user-changed", Ref("user", "u2"), Ref("user", "u3"))
    to.firebase.sign_up("u2", email="asha@example.com")
    to.firebase.sign_up("u1", phone="+919876543210")
    send("user-changed", Ref("user", "u1"), Ref("user", "u2"), Ref("user", "u3"))
    assert (user(to, "u1")["phone"], user(to, "u2")["phone"]) == ("+919876543210", None)
    assert to.memory_core.open_conflicts == {}
    phones = {
        a.app_metadata["firebase_uid"]: a.phone for a in to.memory_supabase.auth_users.values()
    }
    assert phones == {"u1": "919876543210", "u2": None, "u3": "919876543211"}


def test_two_accounts_that_swap_their_phones_are_both_right_in_the_end(
    to: MemoryClients, send: Send
) -> None:
    to.firebase.sign_up("u1", phone="+919876543210")
    to.firebase.sign_up("u2", phone="+919876543211")
    send("user-changed", Ref("user", "u1"), Ref("user", "u2"))
    to.firebase.sign_up("u1", phone="+919876543211")
    to.firebase.sign_up("u2", phone="+919876543210")
    send("user-changed", Ref("user", "u1"), Ref("user", "u2"))
    assert user(to, "u1")["phone"] == "+919876543211"
    assert user(to, "u2")["phone"] == "+919876543210"
    phones = {
        a.app_metadata["firebase_uid"]: a.phone for a in to.memory_supabase.auth_users.values()
    }
    assert phones == {"u1": "919876543211", "u2": "919876543210"}
    assert to.memory_core.open_conflicts == {}


def test_a_contact_taken_off_the_account_leaves_the_mirror_too(
    to: MemoryClients, send: Send
) -> None:
    to.firebase.sign_up("u1", phone="+919876543210", email="asha@example.com")
    send("user-changed", Ref("user", "u1"))
    to.firebase.sign_up("u1", email="asha@example.com")
    send("user-changed", Ref("user", "u1"))
    (auth,) = to.memory_supabase.auth_users.values()
    assert (auth.phone, auth.email) == (None, "asha@example.com")
    assert not auth.phone_confirmed
