"""Conflicts and decisions, in memory and in PostgreSQL."""

from __future__ import annotations

from shared.models.conflicts import OpenConflict
from shared.outcomes import Outcome
from tests.contract.postgres_core_world import CoreWorld
from tests.contract.test_stores_core_users import EMAIL, PHONE, account
from tests.contract.test_stores_core_users import store as store_user


def conflict(at_core: CoreWorld, field: str = "phone") -> OpenConflict:
    (found,) = [c for c in at_core.decisions.open() if c.field == field]
    return found


def clash(at_core: CoreWorld) -> OpenConflict:
    """Make an account whose phone a user of the backend holds."""
    at_core.put_user("other", phone="+91 98765 43210", firebase_uid="u2")
    store_user(at_core, account())
    return conflict(at_core)


def test_an_open_conflict_names_both_users_and_is_found_by_number(at_core: CoreWorld) -> None:
    found = clash(at_core)
    assert found == OpenConflict(found.id, "user", "u1", "store_user", "phone", "other", "u2", None)
    assert at_core.decisions.find(found.id) == found
    assert at_core.decisions.find(found.id + 1) is None


def test_giving_a_contact_takes_it_off_its_holder_and_notes_both_in_the_journal(
    at_core: CoreWorld,
) -> None:
    at_core.decisions.decide(clash(at_core), "give_to_this", "operator", PHONE)
    other = at_core.user("u2")
    assert other is not None
    assert other["phone"] is None
    assert at_core.conflicts("u1") == {}
    assert at_core.resolutions() == ["give_to_this"]
    assert [(key, state) for key, _, state, _ in at_core.journal("decide_conflict")] == [
        ("u1", "done"),
        ("u2", "done"),
    ]
    assert store_user(at_core, account())[0].state == "done"
    user = at_core.user("u1")
    assert user is not None
    assert user["phone"] == PHONE


def test_a_contact_that_the_holder_has_changed_meanwhile_is_left_alone(at_core: CoreWorld) -> None:
    found = clash(at_core)
    at_core.put_user("other", phone="+919800000000")
    at_core.decisions.decide(found, "give_to_this", "operator", PHONE)
    other = at_core.user("u2")
    assert other is not None
    assert other["phone"] == "+919800000000"


def test_an_email_is_taken_off_whatever_its_case(at_core: CoreWorld) -> None:
    at_core.put_user("other", email="Asha@Example.com")
    store_user(at_core, account(phone=None))
    at_core.decisions.decide(conflict(at_core, "email"), "give_to_this", "operator", EMAIL)
    assert store_user(at_core, account(phone=None))[0].state == "done"


def test_a_decision_to_keep_is_kept_as_long_as_the_holder_is_the_same(at_core: CoreWorld) -> None:
    at_core.decisions.decide(clash(at_core), "keep_other", "operator", None)
    assert store_user(at_core, account())[0].state == "conflict"
    assert at_core.conflicts("u1") == {}
    at_core.put_user("other", phone=None)
    at_core.put_user("third", phone=PHONE)
    store_user(at_core, account())
    assert at_core.conflicts("u1") == {"phone": "third"}


def test_a_dismissed_conflict_comes_back_when_it_is_met_again(at_core: CoreWorld) -> None:
    at_core.decisions.decide(clash(at_core), "dismissed", "operator", None)
    assert at_core.conflicts("u1") == {}
    store_user(at_core, account())
    assert at_core.conflicts("u1") == {"phone": "other"}


def test_only_the_first_decision_counts(at_core: CoreWorld) -> None:
    found = clash(at_core)
    at_core.decisions.decide(found, "keep_other", "operator", None)
    at_core.decisions.decide(found, "give_to_this", "operator", PHONE)
    assert at_core.resolutions() == ["keep_other"]
    other = at_core.user("u2")
    assert other is not None
    assert other["phone"] == "+91 98765 43210"


def test_a_user_who_had_the_contact_first_keeps_it_and_the_conflict_is_open(
    at_core: CoreWorld,
) -> None:
    store_user(at_core, account())
    at_core.put_user("other", phone="+91 98765 43210")
    outcome: Outcome = store_user(at_core, account())[0]
    assert outcome.state == "conflict"
    user = at_core.user("u1")
    assert user is not None
    assert user["phone"] == PHONE
