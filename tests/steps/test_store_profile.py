"""A profile reaches core and the mirror's name, whatever is delivered twice, late or half."""

from __future__ import annotations

from typing import Any

import pytest

from shared.errors import TransientError
from shared.events import Ref
from tests.memory import faults
from tests.memory.clients import MemoryClients
from tests.memory.core_ledger import LedgerRow
from tests.steps.conftest import Send

PHONE = "+919876543210"


@pytest.fixture(autouse=True)
def _user(to: MemoryClients, send: Send) -> None:
    to.firebase.sign_up("u1", phone=PHONE)
    send("user-changed", Ref("user", "u1"))
    to.bus.published.clear()


def write(to: MemoryClients, send: Send, uid: str = "u1", **fields: Any) -> None:
    """Write a profile, and deliver what the trigger announces."""
    send("profile-changed", Ref("user", uid, to.firebase.write_profile(uid, **fields)))


def patient(to: MemoryClients, uid: str = "u1") -> dict[str, Any]:
    user = to.memory_core.user_by_uid(uid)
    assert user is not None
    return to.memory_core.patient_rows[user["id"]]


def standing(to: MemoryClients, uid: str = "u1") -> LedgerRow:
    return to.memory_core.ledger_rows["user", uid, "store_profile"]


def mirrored_name(to: MemoryClients) -> str | None:
    (auth,) = to.memory_supabase.auth_users.values()
    return auth.user_metadata.get("name")


def test_a_profile_reaches_core_and_its_name_the_mirror(to: MemoryClients, send: Send) -> None:
    write(to, send, firstName="Asha", lastName="Rao", gender="female", language="hi")
    assert (patient(to)["name"], patient(to)["gender"]) == ("Asha Rao", "Female")
    assert patient(to)["dob"] is None
    assert mirrored_name(to) == "Asha Rao"
    assert standing(to).state == "done"
    assert "dob_missing" in to.memory_core.profile_reading_rows["u1"]["review_reasons"]


def test_the_same_event_five_times_has_one_effect_and_five_successors(
    to: MemoryClients, send: Send
) -> None:
    version = to.firebase.write_profile("u1", name="Asha")
    for _ in range(5):
        send("profile-changed", Ref("user", "u1", version))
    assert len(to.bus.of("user-stored")) == 5
    assert len([r for r in to.memory_core.journal_rows if r.step == "store_profile"]) == 5
    assert mirrored_name(to) == "Asha"


def test_a_late_event_of_an_older_profile_reads_the_newest(to: MemoryClients, send: Send) -> None:
    older = to.firebase.write_profile("u1", name="Older")
    write(to, send, name="Newer")
    send("profile-changed", Ref("user", "u1", older))
    assert patient(to)["name"] == "Newer"
    assert mirrored_name(to) == "Newer"


def test_a_profile_read_before_a_newer_one_was_stored_changes_nothing(
    to: MemoryClients, send: Send
) -> None:
    """Between one delivery's read and its write another delivery stores the newer profile."""
    version = to.firebase.write_profile("u1", name="Older")
    faults.at(to.firebase, "firestore.read", lambda: write(to, send, name="Newer"), moment="after")
    send("profile-changed", Ref("user", "u1", version))
    assert patient(to)["name"] == "Newer"
    assert mirrored_name(to) == "Newer"
    assert standing(to).state == "done"


def test_a_profile_that_comes_before_its_user_waits_for_it(to: MemoryClients, send: Send) -> None:
    to.firebase.sign_up("u2", email="ravi@example.com")
    faults.at(
        to.memory_core,
        "core_profiles.store",
        lambda: send("user-changed", Ref("user", "u2")),
        moment="after",
    )
    write(to, send, "u2", name="Ravi")
    assert to.bus.refusals == [("store_profile", "user_not_in_core")]
    assert patient(to, "u2")["name"] == "Ravi"


def test_a_user_who_never_comes_ends_as_parked_with_the_reason(
    send: Send, to: MemoryClients
) -> None:
    write(to, send, "nobody", name="Nobody")
    row = to.memory_core.ledger_rows["user", "nobody", "store_profile"]
    assert (row.state, row.error_code) == ("parked", "user_not_in_core")


def test_a_deleted_profile_leaves_no_trace_of_itself(to: MemoryClients, send: Send) -> None:
    write(to, send, name="Asha", allergies=["dust"], consentGiven=True)
    to.firebase.delete_profile("u1")
    send("profile-changed", Ref("user", "u1"))
    assert (patient(to)["name"], patient(to)["allergies"]) == (None, None)
    assert to.memory_core.profile_reading_rows["u1"]["consent_data_use"] is None
    assert mirrored_name(to) is None
    send("profile-changed", Ref("user", "u1"))
    assert standing(to).error_code == "profile_deleted"


def test_a_profile_written_again_after_its_deletion_counts(to: MemoryClients, send: Send) -> None:
    write(to, send, name="Asha")
    to.firebase.delete_profile("u1")
    send("profile-changed", Ref("user", "u1"))
    write(to, send, name="Asha again")
    assert patient(to)["name"] == "Asha again"


def test_a_profile_of_nobody_that_is_deleted_is_gone(to: MemoryClients, send: Send) -> None:
    send("profile-changed", Ref("user", "nobody"))
    assert to.memory_core.ledger_rows["user", "nobody", "store_profile"].state == "gone"
    assert to.bus.refusals == []
    assert to.bus.of("user-stored") == []


def test_one_impossible_uid_in_a_batch_of_100_is_parked_alone(
    to: MemoryClients, send: Send
) -> None:
    uids = [f"p{number}" for number in range(99)]
    for uid in uids:
        to.memory_core.put_user(f"id-{uid}", firebase_uid=uid)
        to.firebase.write_profile(uid, name=uid)
    send("profile-changed", *[Ref("user", uid) for uid in [*uids[:50], "a/b", *uids[50:]]])
    assert {patient(to, uid)["name"] for uid in uids} == set(uids)
    bad = to.memory_core.ledger_rows["user", "a/b", "store_profile"]
    assert (bad.state, bad.error_code) == ("parked", "firestore_id_invalid")
    assert to.bus.refusals == []


def test_a_name_that_changes_while_the_mirror_is_written_is_written_again(
    to: MemoryClients, send: Send
) -> None:
    faults.at(
        to.memory_supabase,
        "supabase_users.update",
        lambda: to.memory_core.put_patient(
            to.memory_core.user_by_uid("u1")["id"],  # pyright: ignore[reportOptionalSubscript]
            "p1",
            "Asha Verma",
        ),
        moment="after",
    )
    write(to, send, name="Asha Rao")
    assert mirrored_name(to) == "Asha Verma"


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_firestore_or_core_that_times_out_is_tried_again_with_one_effect(
    to: MemoryClients, send: Send, moment: str
) -> None:
    unavailable = TransientError("firestore_unavailable")
    faults.fail(to.firebase, "firestore.read", unavailable, moment=moment)
    unreachable = TransientError("core_unreachable")
    faults.fail(to.memory_core, "core_profiles.store", unreachable, moment=moment)
    write(to, send, name="Asha")
    assert to.bus.refusals == [
        ("store_profile", "firestore_unavailable"),
        ("store_profile", "core_unreachable"),
    ]
    assert patient(to)["name"] == "Asha"
    assert len(to.bus.of("user-stored")) == 1


def test_the_users_and_the_profiles_chain_do_not_fight_over_the_name(
    to: MemoryClients, send: Send
) -> None:
    write(to, send, name="Asha")
    version = to.memory_core.outbox.version("user", "u1")
    for _ in range(3):
        send("user-changed", Ref("user", "u1"))
        write(to, send, name="Asha")
    assert mirrored_name(to) == "Asha"
    assert to.memory_core.outbox.version("user", "u1") == version
    assert to.memory_core.outbox.unsent() == {}
