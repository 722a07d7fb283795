"""Core patients as profiles fill them, in memory and in PostgreSQL."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from shared.events import Ref
from shared.models.profiles import Profile
from shared.models.users import Account
from shared.outcomes import Outcome
from tests.contract.memory_core_world import batch
from tests.contract.postgres_core_world import CoreWorld

FULL = Profile(
    name="Asha Rao",
    dob=date(1990, 5, 1),
    gender="Female",
    allergies="dust, pollen",
    chronic_conditions="asthma",
    emergency_contact="Ravi, +919876543299",
    language="hi",
    consent_data_use=True,
    consent_notifications=False,
)
EMPTY: dict[str, Any] = dict.fromkeys(
    ("name", "dob", "gender", "allergies", "chronic_conditions", "emergency_contact")
)


def sign_up(
    at_core: CoreWorld, uid: str = "u1", phone: str | None = None, email: str | None = None
) -> None:
    account = Account(uid, email, phone, verified=True, claims={})
    rows = [(account, f"id-{uid}", f"patient-{uid}")]
    at_core.users.store(batch("store_user", Ref("user", uid)), rows, at_core.users.ticket())


def store(
    at_core: CoreWorld, profile: Profile, version: int, uid: str = "u1", *, deleted: bool = False
) -> Outcome:
    ref = Ref("user", uid, version)
    rows = [(ref, f"patient-{uid}", profile, deleted)]
    return at_core.profiles.store(batch("store_profile", ref), rows)[0]


def reading(at_core: CoreWorld, uid: str = "u1") -> dict[str, Any]:
    row = at_core.profile_reading(uid)
    assert row is not None
    return row


def test_a_profile_fills_the_patient_row_of_the_sign_up(at_core: CoreWorld) -> None:
    sign_up(at_core)
    assert store(at_core, FULL, 7) == Outcome(Ref("user", "u1", 7), "done")
    assert at_core.patient("id-u1") == "patient-u1"
    assert at_core.patient_row("id-u1") == {
        "name": "Asha Rao",
        "dob": date(1990, 5, 1),
        "gender": "Female",
        "allergies": "dust, pollen",
        "chronic_conditions": "asthma",
        "emergency_contact": "Ravi, +919876543299",
    }
    assert at_core.language("id-u1") == "hi"
    assert reading(at_core)["version"] == 7
    assert (reading(at_core)["consent_data_use"], reading(at_core)["consent_notifications"]) == (
        True,
        False,
    )
    assert at_core.standing("user", "u1", "store_profile") == ("done", 7, 7, 0, None)


def test_a_user_whom_core_does_not_know_is_waited_for(at_core: CoreWorld) -> None:
    outcome = store(at_core, FULL, 7)
    assert (outcome.state, outcome.code) == ("retrying", "user_not_in_core")
    assert at_core.profile_reading("u1") is None


def test_a_deleted_profile_of_a_user_whom_core_does_not_know_is_gone(at_core: CoreWorld) -> None:
    assert store(at_core, Profile(), 7, deleted=True).state == "gone"


def test_an_older_profile_after_a_newer_one_changes_nothing(at_core: CoreWorld) -> None:
    sign_up(at_core)
    store(at_core, FULL, 8)
    assert store(at_core, Profile(name="Older"), 7) == Outcome(Ref("user", "u1", 7), "done")
    assert at_core.patient_row("id-u1")["name"] == "Asha Rao"
    assert at_core.standing("user", "u1", "store_profile") == ("done", 8, 8, 0, None)


def test_the_same_profile_five_times_changes_the_users_version_once(at_core: CoreWorld) -> None:
    sign_up(at_core)
    before = at_core.version("user", "u1")
    store(at_core, Profile(name="Asha"), 7)
    named = at_core.version("user", "u1")
    assert named > before
    for _ in range(4):
        store(at_core, Profile(name="Asha"), 7)
    assert at_core.version("user", "u1") == named
    assert at_core.unsent() == set()


def test_a_field_that_left_the_profile_leaves_core(at_core: CoreWorld) -> None:
    sign_up(at_core)
    store(at_core, FULL, 7)
    store(at_core, Profile(name="Asha Rao"), 8)
    assert at_core.patient_row("id-u1") == EMPTY | {"name": "Asha Rao"}
    assert at_core.language("id-u1") == "hi"


def test_what_the_backend_filled_in_is_not_cleared_by_a_profile_without_it(
    at_core: CoreWorld,
) -> None:
    sign_up(at_core)
    at_core.fill_patient("id-u1", allergies="penicillin")
    store(at_core, Profile(name="Asha"), 7)
    store(at_core, Profile(name="Asha"), 8)
    assert at_core.patient_row("id-u1") == EMPTY | {"name": "Asha", "allergies": "penicillin"}


def test_a_deleted_profile_takes_with_it_what_it_had_filled_in(at_core: CoreWorld) -> None:
    sign_up(at_core)
    at_core.fill_patient("id-u1", allergies="penicillin")
    store(at_core, Profile(name="Asha", gender="Female", consent_data_use=True), 7)
    deleted = Profile(review_reasons=("profile_deleted",))
    outcome = store(at_core, deleted, 8, deleted=True)
    assert (outcome.state, outcome.code) == ("done", "profile_deleted")
    assert at_core.patient_row("id-u1") == EMPTY | {"allergies": "penicillin"}
    assert reading(at_core)["consent_data_use"] is None
    assert reading(at_core)["review_reasons"] == ["profile_deleted"]


def test_a_profile_of_a_doctor_makes_no_patient_row(at_core: CoreWorld) -> None:
    at_core.put_user("d1", firebase_uid="u1", role="DOCTOR")
    outcome = store(at_core, FULL, 7)
    assert (outcome.state, outcome.code) == ("done", "user_is_no_patient")
    assert at_core.patient("d1") is None
    assert at_core.language("d1") == "hi"
    assert reading(at_core)["held"] == []


def test_what_left_the_profile_while_its_owner_was_no_patient_leaves_core_afterwards(
    at_core: CoreWorld,
) -> None:
    sign_up(at_core)
    store(at_core, FULL, 7)
    at_core.put_user("id-u1", role="DOCTOR")
    store(at_core, Profile(name="Asha"), 8)
    at_core.put_user("id-u1", role="PATIENT")
    store(at_core, Profile(name="Asha"), 9)
    assert at_core.patient_row("id-u1") == EMPTY | {"name": "Asha"}


def test_a_patient_of_the_backend_without_a_row_gets_one(at_core: CoreWorld) -> None:
    at_core.put_user("theirs", firebase_uid="u1")
    store(at_core, FULL, 7)
    assert at_core.patient("theirs") == "patient-u1"


def test_a_patient_row_of_the_backend_keeps_its_id(at_core: CoreWorld) -> None:
    at_core.put_user("theirs", firebase_uid="u1")
    at_core.put_patient("theirs", "their-patient")
    store(at_core, FULL, 7)
    assert at_core.patient("theirs") == "their-patient"
    assert at_core.patient_row("theirs")["name"] == "Asha Rao"


@pytest.mark.parametrize(
    ("typed", "reasons"),
    [("9876543210", []), ("919876543210", []), ("9876543211", ["phone_differs"]), (None, [])],
)
def test_a_phone_is_compared_with_the_accounts_with_or_without_country_code(
    at_core: CoreWorld, typed: str | None, reasons: list[str]
) -> None:
    sign_up(at_core, phone="+919876543210")
    store(at_core, Profile(phone_digits=typed), 7)
    assert reading(at_core)["review_reasons"] == reasons


def test_an_email_that_is_not_the_accounts_is_flagged_and_not_taken(at_core: CoreWorld) -> None:
    sign_up(at_core, email="asha@example.com")
    store(at_core, Profile(email="else@example.com", review_reasons=("name_missing",)), 7)
    assert reading(at_core)["review_reasons"] == ["name_missing", "email_differs"]
    user = at_core.user("u1")
    assert user is not None
    assert user["email"] == "asha@example.com"


def test_a_name_that_the_backend_changes_is_announced_for_the_mirror(at_core: CoreWorld) -> None:
    sign_up(at_core)
    store(at_core, Profile(name="Asha"), 7)
    assert at_core.unsent() == set()
    at_core.put_patient("id-u1", "patient-u1", "Asha Verma")
    assert at_core.unsent() == {("user", "u1")}


def test_a_batch_of_profiles_is_stored_together(at_core: CoreWorld) -> None:
    uids = [f"u{number}" for number in range(100)]
    for uid in uids[:99]:
        sign_up(at_core, uid)
    refs = [Ref("user", uid, 7) for uid in uids]
    rows = [(ref, f"patient-{ref.key}", Profile(name=ref.key), False) for ref in refs]
    outcomes = at_core.profiles.store(batch("store_profile", *refs), rows)
    assert [o.state for o in outcomes] == ["done"] * 99 + ["retrying"]
    assert at_core.patient_row("id-u42")["name"] == "u42"


def test_those_who_are_no_patients_are_the_users_of_another_role(at_core: CoreWorld) -> None:
    for number, role in enumerate(("PATIENT", "DOCTOR", "STAFF", "DOCTOR")):
        at_core.put_user(f"id{number}", firebase_uid=f"u{number}", role=role)
    not_patients = at_core.profiles.not_patients
    assert not_patients(["u0", "u1", "u2", "u2", "unknown"]) == {"u1", "u2"}
    at_core.put_user("id1", role="PATIENT")
    at_core.delete_user("id3")
    assert not_patients(["u1", "u3"]) == set()
    assert not_patients([]) == set()
