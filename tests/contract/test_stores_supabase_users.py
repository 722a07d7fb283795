"""Supabase auth users, in memory and through the admin API over HTTP."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from shared.errors import ContendedError, PermanentError
from shared.models.users import AuthUser
from tests.contract.supabase_worlds import SupabaseWorld

U1, U2, NOBODY = (str(UUID(int=n)) for n in (1, 2, 3))
PHONE = "919876543210"
EMAIL = "asha@example.com"


def find(at_supabase: SupabaseWorld, user_id: str = U1) -> AuthUser:
    (user,) = at_supabase.users.find([user_id], [], [])
    return user


def create(at_supabase: SupabaseWorld, user_id: str = U1, **attributes: Any) -> None:
    at_supabase.users.create(user_id, attributes)


def test_a_user_is_created_under_the_given_id(at_supabase: SupabaseWorld) -> None:
    create(
        at_supabase,
        email="Asha@Example.com",
        phone="+" + PHONE,
        email_confirm=True,
        phone_confirm=True,
        app_metadata={"role": "PATIENT", "firebase_uid": "u1"},
        user_metadata={"name": "Asha"},
    )
    assert find(at_supabase) == AuthUser(
        id=U1,
        email=EMAIL,
        phone=PHONE,
        email_confirmed=True,
        phone_confirmed=True,
        app_metadata={
            "provider": "email",
            "providers": ["email", "phone"],
            "role": "PATIENT",
            "firebase_uid": "u1",
        },
        user_metadata={"name": "Asha", "email_verified": True, "phone_verified": True},
    )


@pytest.mark.parametrize("contact", [{"email": EMAIL}, {"phone": PHONE}])
def test_one_contact_is_enough(at_supabase: SupabaseWorld, contact: dict[str, str]) -> None:
    create(at_supabase, **contact)
    user = find(at_supabase)
    assert (user.email, user.phone) == (contact.get("email"), contact.get("phone"))
    assert (user.email_confirmed, user.phone_confirmed) == (False, False)
    assert user.app_metadata["providers"] == list(contact)


def test_a_user_is_found_by_id_email_or_phone_and_only_once(at_supabase: SupabaseWorld) -> None:
    create(at_supabase, U1, email=EMAIL)
    create(at_supabase, U2, phone=PHONE)
    found = at_supabase.users.find([U1, NOBODY], [EMAIL], [PHONE])
    assert sorted(user.id for user in found) == [U1, U2]
    assert at_supabase.users.find([NOBODY], ["nobody@example.com"], ["15550100"]) == []
    assert at_supabase.users.find([], [], []) == []


def test_a_user_without_any_contact_is_refused_for_good(at_supabase: SupabaseWorld) -> None:
    with pytest.raises(PermanentError, match="supabase_validation_failed"):
        create(at_supabase, user_metadata={"name": "Nobody"})


@pytest.mark.parametrize("contact", [{"email": "no e-mail"}, {"phone": "0123"}])
def test_a_malformed_contact_is_refused_for_good(
    at_supabase: SupabaseWorld, contact: dict[str, str]
) -> None:
    with pytest.raises(PermanentError, match="supabase_validation_failed"):
        create(at_supabase, **contact)
    assert at_supabase.users.find([U1], [], []) == []


@pytest.mark.parametrize(
    ("first", "second", "code"),
    [
        ({"email": EMAIL}, {"email": "ASHA@example.com"}, "supabase_email_exists"),
        ({"phone": PHONE}, {"phone": "+" + PHONE}, "supabase_phone_exists"),
    ],
)
def test_a_contact_taken_meanwhile_is_a_lost_race(
    at_supabase: SupabaseWorld, first: dict[str, str], second: dict[str, str], code: str
) -> None:
    create(at_supabase, U1, **first)
    with pytest.raises(ContendedError, match=code):
        create(at_supabase, U2, **second)


def test_an_id_taken_meanwhile_is_a_lost_race(at_supabase: SupabaseWorld) -> None:
    create(at_supabase, U1, email=EMAIL)
    with pytest.raises(ContendedError):
        create(at_supabase, U1, email="second@example.com")


def test_a_contact_taken_meanwhile_is_a_lost_race_on_update(at_supabase: SupabaseWorld) -> None:
    create(at_supabase, U1, email=EMAIL)
    create(at_supabase, U2, phone=PHONE)
    with pytest.raises(ContendedError):
        at_supabase.users.update(U2, {"email": EMAIL})
    assert find(at_supabase, U2).email is None


def test_an_update_changes_only_what_it_names(at_supabase: SupabaseWorld) -> None:
    create(at_supabase, email=EMAIL, email_confirm=True, app_metadata={"role": "PATIENT"})
    at_supabase.users.update(U1, {"phone": PHONE, "phone_confirm": True})
    user = find(at_supabase)
    assert (user.email, user.phone) == (EMAIL, PHONE)
    assert (user.email_confirmed, user.phone_confirmed) == (True, True)
    assert user.app_metadata["role"] == "PATIENT"


def test_metadata_is_merged_and_a_null_removes_a_key(at_supabase: SupabaseWorld) -> None:
    create(at_supabase, email=EMAIL, app_metadata={"role": "PATIENT"}, user_metadata={"a": 1})
    at_supabase.users.update(
        U1, {"app_metadata": {"role": None, "x": 1}, "user_metadata": {"a": None, "b": {"c": 2}}}
    )
    user = find(at_supabase)
    assert user.app_metadata == {"provider": "email", "providers": ["email"], "x": 1}
    assert user.user_metadata == {"b": {"c": 2}}


def test_confirming_later_does_not_touch_the_rest(at_supabase: SupabaseWorld) -> None:
    create(at_supabase, email=EMAIL, email_confirm=False)
    assert find(at_supabase).email_confirmed is False
    at_supabase.users.update(U1, {"email_confirm": True})
    user = find(at_supabase)
    assert user.email_confirmed is True
    assert user.user_metadata == {"email_verified": True}


def test_an_unknown_user_cannot_be_changed(at_supabase: SupabaseWorld) -> None:
    with pytest.raises(PermanentError, match="supabase_user_not_found"):
        at_supabase.users.update(NOBODY, {"email": EMAIL})


def test_a_released_contact_is_gone_with_its_confirmation_and_free_for_another(
    at_supabase: SupabaseWorld,
) -> None:
    create(at_supabase, email=EMAIL, phone=PHONE, email_confirm=True, phone_confirm=True)
    at_supabase.users.release(U1, phone=PHONE)
    user = find(at_supabase)
    assert (user.email, user.phone) == (EMAIL, None)
    assert (user.email_confirmed, user.phone_confirmed) == (True, False)
    assert user.user_metadata == {"email_verified": True}
    create(at_supabase, U2, phone=PHONE)
    at_supabase.users.release(U1, email=EMAIL)
    assert find(at_supabase).email is None


def test_a_contact_that_the_user_no_longer_has_is_not_released(at_supabase: SupabaseWorld) -> None:
    create(at_supabase, email=EMAIL, phone=PHONE, phone_confirm=True)
    at_supabase.users.release(U1, email="else@example.com", phone="919876543299")
    at_supabase.users.release(NOBODY, email=EMAIL)
    user = find(at_supabase)
    assert (user.email, user.phone, user.phone_confirmed) == (EMAIL, PHONE, True)


def test_a_released_contact_can_be_given_again(at_supabase: SupabaseWorld) -> None:
    create(at_supabase, phone=PHONE)
    at_supabase.users.release(U1, phone=PHONE)
    at_supabase.users.update(U1, {"phone": PHONE, "phone_confirm": True})
    assert (find(at_supabase).phone, find(at_supabase).phone_confirmed) == (PHONE, True)
