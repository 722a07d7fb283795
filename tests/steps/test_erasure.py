"""An erased patient is gone from every store, or the receipt says what is not."""

from __future__ import annotations

import pytest
from cloudevents.http import CloudEvent

from functions.erasure.announce_erasure import announce_erasure
from shared import clients
from shared.errors import PermanentError, TransientError
from tests.memory import faults
from tests.memory.clients import MemoryClients
from tests.memory.place import alias
from tests.steps.erased_patient import (
    DOCUMENT,
    MARK,
    UID,
    bring_patient,
    delete_account,
    event,
    everywhere,
    receipts,
    run,
    sign_up,
    state,
)


@pytest.fixture(name="patient", autouse=True)
def _patient(to: MemoryClients) -> None:
    bring_patient(to)


def test_a_deleted_account_takes_the_patient_out_of_every_store(to: MemoryClients) -> None:
    delete_account(to)
    assert [name for name, _ in everywhere(to)] == []
    assert state(to) == "certified"
    assert receipts(to) == {
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


def test_an_order_given_again_keeps_what_was_told_of_the_first(to: MemoryClients) -> None:
    delete_account(to)
    before = to.memory_core.erasure_rows[alias("user", UID)]["receipts"]["supabase"]["erased"]
    assert to.core_erasures.order(UID, "asha.op")[1] == "ordered"
    run(to)
    after = to.memory_core.erasure_rows[alias("user", UID)]["receipts"]["supabase"]
    assert (after["state"], after["erased"]) == ("erased", before)


def test_visits_that_the_policy_keeps_stay_without_the_person(to: MemoryClients) -> None:
    user = to.memory_core.user_by_uid(UID)
    assert user is not None
    to.memory_core.put_appointment("a1", user["id"], status="COMPLETED", address=None)
    delete_account(to)
    assert to.memory_core.appointment_rows.keys() == {"a1"}
    assert to.memory_core.user_rows[user["id"]]["firebase_uid"] is None
    assert list(everywhere(to)) == []
    assert receipts(to)["core"] == "held"


def test_an_upload_that_core_never_had_is_buried_too(to: MemoryClients) -> None:
    unseen = DOCUMENT.replace("7", "8")
    to.memory_supabase.upload({"id": unseen, "patient_id": UID, "text": MARK})
    delete_account(to)
    to.publish([event("document-changed", unseen)])
    run(to)
    assert to.memory_core.journal_rows[-1].code == "patient_erased"
    assert list(everywhere(to)) == []


def test_what_cannot_be_erased_is_failed_on_the_receipt_and_not_certified(
    to: MemoryClients,
) -> None:
    """Each of erase_supabase, erase_firebase, erase_core and certify_erasure notes its stores."""
    to.files.error = PermanentError("storage_refused")
    delete_account(to)
    assert receipts(to)["storage"] == "failed"
    assert state(to) == "ordered"


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize(
    ("place", "effect"),
    [
        ("memory_core", "core_erasures.order"),
        ("memory_core", "core_erasures.erase"),
        ("memory_core", "core_erasures.note"),
        ("memory_core", "core_erasures.end_round"),
        ("memory_supabase", "supabase_patients.erase"),
        ("memory_supabase", "supabase_patients.delete_user"),
        ("firebase", "firestore.commit"),
        ("files", "storage.delete"),
        ("bus", "bus.publish supabase-erased"),
        ("bus", "dead_letters.erase"),
    ],
)
def test_an_outage_anywhere_only_delays_it(
    to: MemoryClients, place: str, effect: str, moment: str
) -> None:
    faults.fail(getattr(to, place), effect, TransientError("unreachable"), moment=moment)
    delete_account(to)
    assert list(everywhere(to)) == []
    assert state(to) == "certified"


def test_an_account_that_exists_is_not_erased_by_an_event(to: MemoryClients) -> None:
    to.publish([event("user-deleted", UID)])
    run(to)
    assert to.memory_core.user_by_uid(UID) is not None
    assert to.memory_core.erasure_rows == {}


def test_a_legal_hold_keeps_everything_and_is_on_the_receipt(to: MemoryClients) -> None:
    to.core_erasures.hold(UID, "court order 17", "asha.op")
    before = sorted(name for name, _ in everywhere(to))
    delete_account(to)
    assert receipts(to) == {"all": "held"}
    assert set(before) - {"account_rows"} <= {name for name, _ in everywhere(to)}
    assert to.core_erasures.release(UID)
    assert to.core_erasures.order(UID, "asha.op")[1] == "ordered"
    run(to)
    assert list(everywhere(to)) == []


def test_a_doctor_is_not_erased(to: MemoryClients) -> None:
    user = to.memory_core.user_by_uid(UID)
    assert user is not None
    to.memory_core.put_user(user["id"], role="DOCTOR")
    delete_account(to)
    assert to.memory_core.erasure_rows == {}
    standing = to.memory_core.ledger_rows["user", UID, "bury_user"]
    assert (standing.state, standing.error_code) == ("parked", "account_is_no_patient")


def test_the_same_person_with_a_new_account_is_a_new_patient(to: MemoryClients) -> None:
    delete_account(to)
    sign_up(to, "a-new-uid", f"{MARK}@example.com")
    fresh = to.memory_core.user_by_uid("a-new-uid")
    assert fresh is not None
    assert fresh["email"] == f"{MARK}@example.com"
    assert fresh["id"] in to.memory_supabase.auth_users
    assert to.firebase.account_rows["a-new-uid"].claims == {"role": "authenticated"}


def test_a_deletion_event_announces_the_uid_alone(
    to: MemoryClients, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clients, "_current", to)
    kind = "google.firebase.auth.user.v2.deleted"
    record = {"oldValue": {"uid": UID, "email": f"{MARK}@example.com"}}
    announce_erasure(CloudEvent({"type": kind, "source": "//firebaseauth"}, record))
    ((_, data, _),) = [message for message in to.bus.messages if message[0] == "user-deleted"]
    assert MARK.encode() not in data
    assert UID.encode() in data
