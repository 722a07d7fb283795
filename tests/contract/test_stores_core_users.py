"""Core users and patients, in memory and in PostgreSQL."""

from __future__ import annotations

import pytest

from shared.errors import ContendedError
from shared.events import Ref
from shared.models.users import Account, CoreUser
from shared.outcomes import Conflict, Outcome
from tests.contract.memory_core_world import batch
from tests.contract.postgres_core_world import CoreWorld

PHONE, OTHER_PHONE = "+919876543210", "+919876543211"
EMAIL = "asha@example.com"


def account(
    uid: str = "u1", email: str | None = EMAIL, phone: str | None = PHONE, *, verified: bool = True
) -> Account:
    return Account(uid, email, phone, verified, {})


def store(at_core: CoreWorld, *accounts: Account, ticket: int | None = None) -> list[Outcome]:
    """Store accounts as store_user does, under a ticket drawn now."""
    version = at_core.users.ticket() if ticket is None else ticket
    rows = [(a, f"id-{a.uid}", f"patient-{a.uid}") for a in accounts]
    refs = [Ref("user", a.uid) for a in accounts]
    return at_core.users.store(batch("store_user", *refs), rows, version)


def test_an_account_becomes_a_user_with_a_patient_row(at_core: CoreWorld) -> None:
    ticket = at_core.users.ticket()
    assert store(at_core, account(), ticket=ticket) == [Outcome(Ref("user", "u1", ticket), "done")]
    assert at_core.user("u1") == {
        "id": "id-u1",
        "role": "PATIENT",
        "firebase_uid": "u1",
        "phone": PHONE,
        "email": EMAIL,
        "verified": True,
    }
    assert at_core.patient("id-u1") == "patient-u1"
    assert at_core.standing("user", "u1", "store_user") == ("done", ticket, ticket, 0, None)


def test_the_same_account_stored_twice_changes_nothing(at_core: CoreWorld) -> None:
    store(at_core, account())
    version = at_core.version("user", "u1")
    assert [outcome.state for outcome in store(at_core, account())] == ["done"]
    assert at_core.version("user", "u1") == version


def test_an_older_state_after_a_newer_one_is_done_and_changes_nothing(at_core: CoreWorld) -> None:
    older, newer = at_core.users.ticket(), at_core.users.ticket()
    store(at_core, account(phone=OTHER_PHONE), ticket=newer)
    outcomes = store(at_core, account(phone=PHONE), ticket=older)
    assert outcomes == [Outcome(Ref("user", "u1", older), "done")]
    user = at_core.user("u1")
    assert user is not None
    assert user["phone"] == OTHER_PHONE
    assert at_core.standing("user", "u1", "store_user") == ("done", newer, newer, 0, None)


def test_what_the_sync_stores_is_not_announced_by_the_outbox(at_core: CoreWorld) -> None:
    store(at_core, account())
    assert at_core.unsent() == set()
    assert at_core.version("user", "u1") > 0


def test_what_the_backend_changes_is_announced_even_after_the_sync_wrote(
    at_core: CoreWorld,
) -> None:
    store(at_core, account())
    at_core.put_user("id-u1", role="DOCTOR")
    assert at_core.unsent() == {("user", "u1")}
    store(at_core, account(verified=False))
    assert at_core.unsent() == {("user", "u1")}


def test_a_contact_of_another_user_is_a_conflict_and_is_not_taken_over(at_core: CoreWorld) -> None:
    at_core.put_user("other", email="Asha@Example.com", phone="+91 98765 43210")
    outcome = store(at_core, account())[0]
    assert (outcome.state, outcome.code) == ("conflict", "contact_taken")
    assert set(outcome.conflicts) == {Conflict("email", "other"), Conflict("phone", "other")}
    user = at_core.user("u1")
    assert user is not None
    assert (user["email"], user["phone"]) == (None, None)
    assert at_core.conflicts("u1") == {"email": "other", "phone": "other"}


def test_a_conflict_is_cleared_field_by_field(at_core: CoreWorld) -> None:
    at_core.put_user("other", email=EMAIL, phone=PHONE)
    store(at_core, account())
    at_core.put_user("other", email="else@example.com")
    store(at_core, account())
    assert at_core.conflicts("u1") == {"phone": "other"}
    at_core.put_user("other", phone=None)
    store(at_core, account())
    assert at_core.conflicts("u1") == {}
    user = at_core.user("u1")
    assert user is not None
    assert (user["email"], user["phone"]) == (EMAIL, PHONE)


def test_a_contact_that_two_others_hold_is_one_conflict(at_core: CoreWorld) -> None:
    at_core.put_user("a", email="ASHA@example.com")
    at_core.put_user("b", email="Asha@example.com")
    assert len(store(at_core, account(phone=None))[0].conflicts) == 2
    assert at_core.conflicts("u1") == {"email": "a"}


def test_two_accounts_with_one_contact_contend_and_neither_is_written(at_core: CoreWorld) -> None:
    with pytest.raises(ContendedError):
        store(at_core, account("u1"), account("u2"))
    assert at_core.user("u1") is None
    assert at_core.user("u2") is None


def test_a_user_of_the_backend_with_this_uid_keeps_id_and_role(at_core: CoreWorld) -> None:
    at_core.put_user("theirs", firebase_uid="u1", role="DOCTOR")
    store(at_core, account())
    user = at_core.user("u1")
    assert user is not None
    assert (user["id"], user["role"], user["email"]) == ("theirs", "DOCTOR", EMAIL)
    assert at_core.patient("theirs") is None


def test_a_contact_taken_off_the_account_leaves_core_too(at_core: CoreWorld) -> None:
    store(at_core, account())
    store(at_core, account(email=None))
    user = at_core.user("u1")
    assert user is not None
    assert (user["email"], user["phone"]) == (None, PHONE)


def test_an_account_without_any_contact_is_stored(at_core: CoreWorld) -> None:
    store(at_core, account("u1", None, None), account("u2", None, None))
    user = at_core.user("u2")
    assert user is not None
    assert (user["email"], user["phone"]) == (None, None)


def test_a_user_is_read_as_its_mirror_shows_it(at_core: CoreWorld) -> None:
    at_core.put_user("id1", firebase_uid="u1", role="STAFF", email="Asha@Example.com ", phone="98")
    at_core.put_patient("id1", "p1", "Asha Rao")
    assert at_core.users.read(["u1", "nobody"]) == {
        "u1": CoreUser(
            id="id1",
            uid="u1",
            role="STAFF",
            name="Asha Rao",
            email=EMAIL,
            phone=None,
            verified=False,
            version=at_core.version("user", "u1"),
        )
    }
