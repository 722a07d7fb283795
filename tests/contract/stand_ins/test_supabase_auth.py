"""GoTrue's admin API as the `supabase` client sees it."""

from __future__ import annotations

import contextlib
import itertools
import uuid
from collections.abc import Callable, Generator
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest
from supabase import Client
from supabase_auth.errors import AuthApiError, AuthError

from tests.contract.launcher import Project

NUMBERS = itertools.count(1)
RUN = uuid.uuid4().hex[:8]
Create = Callable[..., Any]


@pytest.fixture(name="admin")
def _admin(service: Client) -> Any:
    return service.auth.admin


@pytest.fixture(name="create")
def _create(admin: Any) -> Generator[Create]:
    """Creates users and deletes them after the test."""
    made: list[str] = []

    def create(**given: Any) -> Any:
        user = admin.create_user(given).user
        made.append(user.id)
        return user

    yield create
    for user_id in made:
        with contextlib.suppress(AuthApiError):  # the test deleted it
            admin.delete_user(user_id)


def email() -> str:
    return f"patient-{next(NUMBERS)}-{RUN}@example.com"


def phone() -> str:
    return f"9198{int(RUN, 16) % 10**5:05d}{next(NUMBERS):03d}"


def refusal_of(act: Callable[[], object]) -> tuple[int, str | None]:
    with pytest.raises(AuthApiError) as refusal:
        act()
    return refusal.value.status, refusal.value.code


def audit(database: psycopg.Connection, user_id: str) -> list[tuple[str, str, str]]:
    """Return the audit entries of a user, oldest first: action, e-mail, phone."""
    return database.execute(
        "select payload ->> 'action', payload -> 'traits' ->> 'user_email',"
        " payload -> 'traits' ->> 'user_phone' from auth.audit_log_entries"
        " where payload -> 'traits' ->> 'user_id' = %s order by created_at",
        [user_id],
    ).fetchall()


def test_a_user_is_created_with_the_id_that_was_asked_for(create: Create, admin: Any) -> None:
    wanted = str(uuid.uuid5(uuid.NAMESPACE_URL, email()))
    assert create(id=wanted, email=email()).id == wanted
    assert admin.get_user_by_id(wanted).user.id == wanted


def test_contacts_are_stored_in_their_normal_form(create: Create) -> None:
    address, number = email(), phone()
    user = create(email=address.upper(), phone=f"+{number[:2]} {number[2:]}")
    assert (user.email, user.phone) == (address, number)


def test_a_new_user_has_role_audience_providers_and_identities(create: Create) -> None:
    user = create(email=email(), phone=phone())
    assert (user.role, user.aud) == ("authenticated", "authenticated")
    assert user.app_metadata == {"provider": "email", "providers": ["email", "phone"]}
    assert {identity.provider for identity in user.identities} == {"email", "phone"}
    assert user.identities[0].identity_data["sub"] == user.id
    assert (user.email_confirmed_at, user.phone_confirmed_at) == (None, None)


def test_a_phone_alone_is_enough(create: Create) -> None:
    user = create(phone=phone(), phone_confirm=True)
    assert user.email in {None, ""}
    assert user.phone_confirmed_at is not None


def test_app_metadata_is_added_to_the_providers(create: Create) -> None:
    user = create(email=email(), app_metadata={"firebase_uid": "u1", "gone": None})
    assert user.app_metadata == {
        "provider": "email",
        "providers": ["email"],
        "firebase_uid": "u1",
    }


def test_confirming_the_e_mail_shows_in_user_metadata(create: Create) -> None:
    user = create(email=email(), email_confirm=True, user_metadata={"name": "N"})
    assert user.email_confirmed_at is not None
    assert user.user_metadata == {"name": "N", "email_verified": True}


def test_confirming_later_shows_in_user_metadata_too(create: Create, admin: Any) -> None:
    user = create(email=email(), phone=phone(), user_metadata={"name": "N"})
    user = admin.update_user_by_id(user.id, {"email_confirm": True}).user
    assert user.email_confirmed_at is not None
    assert user.phone_confirmed_at is None
    assert user.user_metadata == {"name": "N", "email_verified": True}


def test_a_taken_e_mail_or_phone_is_refused_on_creation(create: Create, admin: Any) -> None:
    user = create(email=email(), phone=phone())
    taken = {"email": user.email.upper()}
    assert refusal_of(lambda: admin.create_user(taken)) == (422, "email_exists")
    taken = {"phone": f"+{user.phone}"}
    assert refusal_of(lambda: admin.create_user(taken)) == (422, "phone_exists")


def test_a_taken_id_is_a_server_error_on_creation(create: Create, admin: Any) -> None:
    user = create(email=email())
    again = {"id": user.id, "email": email()}
    assert refusal_of(lambda: admin.create_user(again)) == (500, "unexpected_failure")


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"user_metadata": {"a": 1}},
        {"email": "no at sign"},
        {"email": "x" * 250 + "@example.com"},
        {"phone": "+91-98765-43210"},
        {"phone": "0091987654"},
        {"email": "a@example.com", "id": "not-a-uuid"},
        {"email": "a@example.com", "id": str(uuid.UUID(int=0))},
        {"email": "a@example.com", "ban_duration": "a week"},
        {"email": "a@example.com", "password": "x", "password_hash": "y"},
    ],
)
def test_a_value_that_breaks_a_rule_is_refused(admin: Any, given: dict[str, Any]) -> None:
    assert refusal_of(lambda: admin.create_user(given)) == (400, "validation_failed")


def test_a_value_of_the_wrong_type_is_no_readable_request(admin: Any) -> None:
    assert refusal_of(lambda: admin.create_user({"email": 5})) == (400, "bad_json")


def test_an_update_merges_metadata_one_level_deep_and_null_deletes(
    create: Create, admin: Any
) -> None:
    user = create(
        email=email(),
        user_metadata={"a": 1, "b": {"x": 1, "y": 2}, "c": 3},
        app_metadata={"role": "patient", "old": 1},
    )
    change = {
        "user_metadata": {"b": {"z": None}, "c": None, "d": 4},
        "app_metadata": {"old": None, "role": "doctor"},
    }
    user = admin.update_user_by_id(user.id, change).user
    assert user.user_metadata == {"a": 1, "b": {"z": None}, "d": 4}
    assert user.app_metadata == {"provider": "email", "providers": ["email"], "role": "doctor"}


def test_an_update_changes_contacts_and_their_identities(create: Create, admin: Any) -> None:
    user = create(email=email())
    address, number = email(), phone()
    change = {"email": address.upper(), "email_confirm": True, "phone": f"+{number}"}
    user = admin.update_user_by_id(user.id, change).user
    assert (user.email, user.phone) == (address, number)
    data = {identity.provider: identity.identity_data for identity in user.identities}
    assert (data["email"]["email"], data["email"]["email_verified"]) == (address, True)
    assert (data["phone"]["phone"], data["phone"]["phone_verified"]) == (number, False)


def test_an_update_cannot_clear_a_contact_or_move_the_id(create: Create, admin: Any) -> None:
    user = create(email=email(), phone=phone())
    change = {"email": "", "phone": "", "id": str(uuid.uuid4())}
    after = admin.update_user_by_id(user.id, change).user
    assert (after.id, after.email, after.phone) == (user.id, user.email, user.phone)


def test_a_taken_contact_is_a_server_error_on_update_and_changes_nothing(
    create: Create, admin: Any
) -> None:
    other, user = create(email=email(), phone=phone()), create(email=email())
    for change in ({"email": other.email}, {"phone": other.phone}):
        change["user_metadata"] = {"half": "done"}
        refusal = refusal_of(lambda change=change: admin.update_user_by_id(user.id, change))
        assert refusal == (500, "unexpected_failure")
    after = admin.get_user_by_id(user.id).user
    assert (after.email, after.phone or "", after.user_metadata) == (user.email, "", {})


def test_a_ban_lasts_and_can_be_lifted(create: Create, admin: Any) -> None:
    user = create(email=email(), ban_duration="1h30m")
    until = admin.get_user_by_id(user.id).user.banned_until
    banned_for = datetime.fromisoformat(until) - user.created_at
    assert timedelta(minutes=89) < banned_for < timedelta(minutes=91)
    user = admin.update_user_by_id(user.id, {"ban_duration": "none"}).user
    assert user.banned_until is None


def test_an_unknown_user_is_not_found(admin: Any) -> None:
    nobody = str(uuid.uuid4())
    for act in (
        lambda: admin.get_user_by_id(nobody),
        lambda: admin.update_user_by_id(nobody, {"email": "bad"}),
        lambda: admin.delete_user(nobody),
    ):
        assert refusal_of(act) == (404, "user_not_found")


def test_users_are_listed_newest_first_in_pages(create: Create, admin: Any) -> None:
    made = [create(email=email()).id for _ in range(5)]
    listed = [[user.id for user in admin.list_users(page=page, per_page=2)] for page in (1, 2)]
    assert listed == [made[:-3:-1], made[-3:-5:-1]]
    assert made[-1] == admin.list_users()[0].id


def test_a_page_size_of_zero_is_refused(admin: Any) -> None:
    assert refusal_of(lambda: admin.list_users(page=1, per_page=0)) == (400, "validation_failed")


def test_a_deleted_user_is_gone_and_its_contacts_are_free(create: Create, admin: Any) -> None:
    user = create(email=email(), phone=phone())
    admin.delete_user(user.id)
    assert refusal_of(lambda: admin.delete_user(user.id)) == (404, "user_not_found")
    assert create(email=user.email, phone=user.phone).id != user.id


def test_a_soft_deleted_user_stays_without_its_data(
    create: Create, admin: Any, database: psycopg.Connection
) -> None:
    user = create(email=email(), phone=phone(), user_metadata={"name": "N"})
    admin.delete_user(user.id, should_soft_delete=True)
    after = admin.get_user_by_id(user.id).user
    admin.delete_user(user.id, should_soft_delete=True)
    assert admin.get_user_by_id(user.id).user == after
    assert after.deleted_at is not None
    assert after.user_metadata == after.app_metadata == {}
    assert user.email not in after.model_dump_json()
    assert user.phone not in after.model_dump_json()
    assert after.email
    assert len(after.phone) == 15
    assert create(email=user.email, phone=user.phone).id != user.id
    left = database.execute(
        "select identity_data from auth.identities where user_id = %s", [user.id]
    )
    assert left.fetchall() == [({},), ({},)]


def test_every_change_leaves_an_audit_entry_that_outlives_the_user(
    create: Create, admin: Any, database: psycopg.Connection
) -> None:
    user, address = create(email=email(), phone=phone()), email()
    admin.update_user_by_id(user.id, {"email": address})
    admin.delete_user(user.id)
    assert audit(database, user.id) == [
        ("user_signedup", user.email, user.phone),
        ("user_modified", address, user.phone),
        ("user_deleted", address, user.phone),
    ]


def test_only_the_service_key_may_administer_users(anon: Client, project: Project) -> None:
    assert refusal_of(anon.auth.admin.list_users) == (403, "not_admin")
    with project.client("no-such-key") as client, pytest.raises(AuthError) as refusal:
        client.auth.admin.list_users()
    assert "Invalid API key" in refusal.value.message
