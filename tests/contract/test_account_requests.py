"""
Accounts are asked for as by the Admin SDK: both are sent to one server, and what arrives is the
same; both are given one answer, and what is read from it is the same; what one does not send, the
other does not either. An upgrade of the package that changes the protocol shows here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator
from typing import Any

import firebase_admin
import pytest
from firebase_admin import _auth_utils, _user_mgt, auth, exceptions

from shared import google_account
from shared.errors import PermanentError, SyncError, TransientError
from shared.models.users import Account
from shared.people import contacts
from shared.stores import accounts as store
from shared.stores import identity_toolkit
from shared.stores.accounts import Accounts
from tests.contract.account_calls import (
    CALLS,
    CLAIMS,
    ODD,
    UID,
    Calls,
    admin,
    create,
    delete,
    look_up,
    page,
    read,
    set_claims,
)
from tests.contract.firebase_admin_app import official
from tests.contract.recording import Server, recording

KIND = "identitytoolkit#DeleteAccountResponse"
DONE = {"localId": UID, "kind": KIND, "users": [{"localId": UID}], "nextPageToken": ""}


@pytest.fixture(name="server")
def _server(monkeypatch: pytest.MonkeyPatch) -> Generator[Server]:
    with recording() as server:
        monkeypatch.setenv("FIREBASE_AUTH_EMULATOR_HOST", server.host)
        server.says(200, DONE)
        yield server


@pytest.fixture(name="ours")
def _ours(server: Server) -> Generator[Accounts]:
    accounts = Accounts()
    yield accounts
    accounts.close()


@pytest.fixture(name="app")
def _app(server: Server) -> Generator[firebase_admin.App]:
    with official(server.url) as app:
        yield app


calls = pytest.mark.parametrize(("their", "our"), CALLS.values(), ids=CALLS)


@calls
def test_accounts_are_asked_for_in_the_same_way(
    server: Server,
    ours: Accounts,
    app: firebase_admin.App,
    their: Callable[[firebase_admin.App], Any],
    our: Callable[[Accounts], Any],
) -> None:
    our(ours)
    (found,) = server.meanings()
    server.requests.clear()
    their(app)
    assert found == server.meanings()[0]  # what it creates, the package also reads again


def test_identity_toolkit_is_where_the_package_finds_it() -> None:
    assert f"{identity_toolkit._URL}/v1" == _user_mgt.UserManager.ID_TOOLKIT_URL


LONG = "x" * 128
LARGE = {"plan": "x" * (1000 - len('{"plan": ""}'))}
TOO_LARGE = {"plan": LARGE["plan"] + "x"}


UIDS = ("", LONG, f"{LONG}x", "é" * 128, "é" * 129)
RULES: list[Calls] = [
    *(call for uid in UIDS for call in (read("u1", uid), delete(uid), create(uid, "a@b"))),
    *(set_claims(uid, {}) for uid in UIDS),
    *(set_claims(UID, claims) for claims in (LARGE, TOO_LARGE, {"plan": "é" * 170})),
    *(set_claims(UID, {claim: 1}) for claim in sorted(_auth_utils.RESERVED_CLAIMS)),
    set_claims(UID, {"sub": 1, "iss": 1, "plan": "free"}), set_claims(UID, {"plan": {"sub": 1}}),
    *(create(UID, email) for email in ("", "a", "@", "a@", "@b", "a@b@c", "a@@b", "a b@c", "@a@b")),
    *(page(None, size) for size in (-1, 0, 1, 1000, 1001)),
]  # fmt: skip


@pytest.mark.parametrize(("their", "our"), RULES)
def test_what_the_package_does_not_send_is_refused_for_good_and_not_sent(
    server: Server,
    ours: Accounts,
    app: firebase_admin.App,
    their: Callable[[firebase_admin.App], Any],
    our: Callable[[Accounts], Any],
) -> None:
    try:
        their(app)
    except ValueError:
        assert server.requests == []
        with pytest.raises(PermanentError, match=r"^firebase_invalid_argument$"):
            our(ours)
        assert server.requests == []
    else:
        expected = server.meanings()[0]
        our(ours)
        assert server.meanings()[-1] == expected


def test_half_a_character_is_refused_for_good_and_not_sent(server: Server, ours: Accounts) -> None:
    with pytest.raises(PermanentError, match=r"^firebase_invalid_argument$"):
        ours.read(["\ud800"])
    assert server.requests == []


WORDS = [
    *sorted(_auth_utils._CODE_TO_EXC_TYPE),
    "INVALID_PAGE_SELECTION", "INVALID_CLAIMS", "OPERATION_NOT_ALLOWED", "UNAVAILABLE", "", " ",
]  # fmt: skip
BODIES: list[Any] = [
    *({"error": {"message": word, "status": "ANY"}} for word in WORDS),
    *({"error": {"message": f"{word} : planted: text"}} for word in WORDS),
    {"error": {"message": None}}, {"error": {}}, {"error": "text"}, {"error": None}, {}, [],
    "<html>", "", "[", '"text"',
]  # fmt: skip
STATUSES = [400, 401, 403, 404, 409, 412, 418, 429, 500, 502, 503, 504]


@pytest.mark.parametrize("status", STATUSES)
def test_refusals_are_read_in_the_same_way(
    server: Server, ours: Accounts, app: firebase_admin.App, status: int
) -> None:
    for body in BODIES:
        server.says(status, body)
        with pytest.raises(exceptions.FirebaseError) as their:
            look_up(app, [UID])
        with pytest.raises(SyncError) as our:
            ours.read([UID])
        expected = as_ours(their.value)
        assert (type(our.value), our.value.code) == (type(expected), expected.code), body
        assert our.value.__suppress_context__


def as_ours(error: exceptions.FirebaseError) -> SyncError:
    """Return what the package's error means to us."""
    match error:
        case auth.UserNotFoundError():
            return PermanentError("firebase_user_gone")
        case auth.UidAlreadyExistsError():
            return TransientError("firebase_uid_exists")
        case exceptions.ResourceExhaustedError():
            return TransientError("firebase_quota")
        case exceptions.InvalidArgumentError():
            return PermanentError("firebase_invalid_argument")
        case _:
            return TransientError(f"firebase_{str(error.code).lower()}")


def test_a_quota_that_is_used_up_is_waited_for_though_the_package_takes_it_for_a_refusal(
    server: Server, ours: Accounts, app: firebase_admin.App
) -> None:
    message = "QUOTA_EXCEEDED : Exceeded quota for deleting accounts."
    server.says(400, {"error": {"message": message, "status": "INVALID_ARGUMENT"}})
    with pytest.raises(exceptions.InvalidArgumentError):
        admin.delete_user(UID, app=app)
    with pytest.raises(TransientError, match=r"^firebase_quota$"):
        ours.delete(UID)


@pytest.mark.parametrize(
    "word",
    ["PROJECT_NOT_FOUND", "INVALID_PROJECT_ID", "BILLING_NOT_ENABLED", "INVALID_SERVICE_ACCOUNT"],
)
def test_a_mistake_of_ours_in_the_project_parks_nobody_though_the_package_blames_the_argument(
    server: Server, ours: Accounts, app: firebase_admin.App, word: str
) -> None:
    server.says(400, {"error": {"message": word, "status": "INVALID_ARGUMENT"}})
    with pytest.raises(exceptions.InvalidArgumentError):
        admin.delete_user(UID, app=app)
    with pytest.raises(TransientError, match=r"^firebase_misconfigured$"):
        ours.delete(UID)


def test_an_account_that_exists_is_left_alone_and_a_taken_address_is_not_passed_over(
    server: Server, ours: Accounts
) -> None:
    server.says(400, {"error": {"message": "DUPLICATE_LOCAL_ID"}})
    ours.create(UID, "a@b")
    for word in ("DUPLICATE_EMAIL", "EMAIL_EXISTS"):
        server.says(400, {"error": {"message": word}})
        with pytest.raises(TransientError, match=r"^firebase_already_exists$"):
            ours.create(UID, "a@b")


def test_one_that_is_gone_is_none_to_delete(server: Server, ours: Accounts) -> None:
    server.says(400, {"error": {"message": "USER_NOT_FOUND"}})
    assert ours.delete(UID) == 0


@calls
@pytest.mark.parametrize("status", [401, 500, 503])
def test_nothing_is_sent_twice(
    server: Server,
    ours: Accounts,
    their: Callable[[firebase_admin.App], Any],
    our: Callable[[Accounts], Any],
    status: int,
) -> None:
    server.says(status, "")
    with pytest.raises(TransientError):
        our(ours)
    assert len(server.requests) == 1


@calls
def test_without_an_account_of_our_own_nothing_is_sent(
    server: Server,
    ours: Accounts,
    monkeypatch: pytest.MonkeyPatch,
    their: Callable[[firebase_admin.App], Any],
    our: Callable[[Accounts], Any],
) -> None:
    monkeypatch.delenv("FIREBASE_AUTH_EMULATOR_HOST")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere/account.json")
    google_account._account.cache_clear()
    with pytest.raises(TransientError, match=r"^google_credentials_unavailable$"):
        our(ours)
    assert server.requests == []


FULL: dict[str, Any] = {
    "localId": UID, "email": " A@B.example", "phoneNumber": "+919876543210", "emailVerified": True,
    "customAttributes": json.dumps(CLAIMS), "createdAt": "1750000000123", "disabled": True,
}  # fmt: skip
USERS: list[dict[str, Any]] = [
    FULL,
    {"localId": "u2"},
    {"localId": "u3", "email": None, "phoneNumber": None, "createdAt": 1750000000000},
    {"localId": "u4", "email": "", "phoneNumber": "0987", "emailVerified": False},
    *({"localId": "u5", "customAttributes": text} for text in ("", "{}", "null", '{"a": NaN}')),
]


@pytest.mark.parametrize("said", [{}, {"users": []}, *({"users": [user]} for user in USERS)])
@pytest.mark.parametrize("token", [None, "", ODD])
def test_answers_are_read_in_the_same_way(
    server: Server, ours: Accounts, app: firebase_admin.App, said: Any, token: str | None
) -> None:
    server.says(200, said | ({} if token is None else {"nextPageToken": token}))
    listed = admin.list_users(app=app)
    expected = [
        (_account(user), (user.user_metadata.creation_timestamp or 0) / 1000)
        for user in listed.users
    ]
    # Compared as text: a claim that is no number is not equal to itself.
    assert repr(ours.page(None)) == repr((expected, listed.next_page_token or None))
    found = {user.uid: _account(user) for user in look_up(app, [UID]).users}
    assert repr(ours.read([UID])) == repr(found)


def _account(user: auth.UserRecord) -> Account:
    """Return what the package read, as the store did when it asked through it."""
    return Account(
        uid=str(user.uid),
        email=contacts.email(user.email),
        phone=contacts.phone(user.phone_number),
        verified=bool(user.email_verified),
        claims=dict(user.custom_claims or {}),
    )


def test_no_more_is_asked_for_at_a_time_than_the_package_lets() -> None:
    assert store._PAGE == _user_mgt.MAX_LIST_USERS_RESULTS
    assert store._RESERVED == _auth_utils.RESERVED_CLAIMS
    assert store._LONGEST_CLAIMS == _auth_utils.MAX_CLAIMS_PAYLOAD_SIZE
