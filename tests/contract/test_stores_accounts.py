"""
Firebase accounts, in memory and over HTTP.

What is asked are a few lines that answer as Identity Toolkit does (accounts:lookup, accounts:update
and accounts:batchGet); the tests in tests/contract/firebase ask the real emulator.
"""

from __future__ import annotations

import json
from collections.abc import Generator
from typing import Any

import pytest

from infra.local.loopback import Request, Response
from shared.errors import PermanentError, TransientError
from shared.models.users import Account
from shared.stores.accounts import Accounts
from tests.contract.serving import served
from tests.memory.firebase import MemoryAccounts, MemoryFirebase

PATH = "/identitytoolkit.googleapis.com/v1/projects/demo-test/accounts"


class IdentityToolkit:
    """Serves the accounts of a MemoryFirebase; `refuse` makes it answer an error instead."""

    def __init__(self, firebase: MemoryFirebase) -> None:
        self.firebase = firebase
        self.refuse: tuple[int, str] | None = None
        self.next: str | None = None

    def answer(self, request: Request) -> Response:
        if self.refuse:
            status, code = self.refuse
            return _json(status, {"error": {"code": status, "message": code, "status": code}})
        if request.path == f"{PATH}:batchGet":
            return self._page(dict(request.query))
        body = json.loads(request.body)
        rows = self.firebase.account_rows
        if request.path == f"{PATH}:lookup":
            return _json(200, {"users": [_user(rows[k]) for k in body["localId"] if k in rows]})
        uid = body["localId"]
        if request.path != f"{PATH}:update" or uid not in rows:
            return _json(400, {"error": {"code": 400, "message": "USER_NOT_FOUND"}})
        MemoryAccounts(self.firebase).set_claims(uid, json.loads(body["customAttributes"]))
        return _json(200, {"localId": uid})

    def _page(self, asked: dict[str, str]) -> Response:
        """A page of accounts; only the token of the page before is taken."""
        token = asked.get("nextPageToken")
        if token not in (None, self.next):
            return _json(400, {"error": {"code": 400, "message": "INVALID_PAGE_SELECTION"}})
        accounts = MemoryAccounts(self.firebase)
        page, self.next = accounts.page(token, int(asked["maxResults"]))
        users = [_user(account) for account, _ in page]
        return _json(200, {"users": users, "nextPageToken": self.next or ""})


def _json(status: int, body: dict[str, Any]) -> Response:
    return Response(status, json.dumps(body).encode(), {"Content-Type": "application/json"})


def _user(account: Account) -> dict[str, Any]:
    return {
        "localId": account.uid,
        "email": account.email and account.email.upper(),
        "phoneNumber": account.phone,
        "emailVerified": account.verified,
        "customAttributes": json.dumps(account.claims),
    }


@pytest.fixture(name="firebase")
def _firebase() -> MemoryFirebase:
    return MemoryFirebase()


@pytest.fixture(name="toolkit")
def _toolkit(firebase: MemoryFirebase) -> IdentityToolkit:
    return IdentityToolkit(firebase)


@pytest.fixture(name="kept")
def _kept(toolkit: IdentityToolkit, monkeypatch: pytest.MonkeyPatch) -> Generator[Accounts]:
    """The real store, pointed at the toolkit."""
    with served(toolkit.answer) as host:
        monkeypatch.setenv("FIREBASE_AUTH_EMULATOR_HOST", host)
        accounts = Accounts()
        yield accounts
        accounts.close()


@pytest.fixture(name="accounts", params=["memory", "kept"])
def _accounts(request: pytest.FixtureRequest, firebase: MemoryFirebase) -> Any:
    if request.param == "memory":
        return MemoryAccounts(firebase)
    return request.getfixturevalue("kept")


def test_accounts_are_read_by_uid_with_contacts_in_normal_form(
    accounts: Any, firebase: MemoryFirebase
) -> None:
    firebase.sign_up("u1", email="asha@example.com", phone="+919876543210")
    firebase.sign_up("u2", phone="+919876543211", verified=False)
    firebase.sign_up("u3")
    assert accounts.read(["u1", "u2", "u3", "nobody"]) == {
        "u1": Account("u1", "asha@example.com", "+919876543210", verified=True, claims={}),
        "u2": Account("u2", None, "+919876543211", verified=False, claims={}),
        "u3": Account("u3", None, None, verified=True, claims={}),
    }


def test_more_accounts_than_one_lookup_takes_are_all_read(
    accounts: Any, firebase: MemoryFirebase
) -> None:
    uids = [f"u{number}" for number in range(130)]
    for uid in uids:
        firebase.sign_up(uid)
    assert set(accounts.read(uids)) == set(uids)


def test_claims_are_replaced_as_a_whole(accounts: Any, firebase: MemoryFirebase) -> None:
    firebase.sign_up("u1")
    accounts.set_claims("u1", {"role": "authenticated", "plan": "free"})
    accounts.set_claims("u1", {"role": "authenticated"})
    assert accounts.read(["u1"])["u1"].claims == {"role": "authenticated"}


def test_the_claims_of_an_account_that_is_gone_cannot_be_set(accounts: Any) -> None:
    with pytest.raises(PermanentError, match="firebase_user_gone"):
        accounts.set_claims("u1", {"role": "authenticated"})


def test_a_uid_that_no_account_can_have_is_refused_for_good(accounts: Any) -> None:
    with pytest.raises(PermanentError, match="firebase_invalid_argument"):
        accounts.read(["x" * 129])


def test_claims_that_no_token_can_hold_are_refused_for_good(kept: Accounts) -> None:
    for claims in ({"sub": "reserved"}, {"plan": "x" * 1000}):
        with pytest.raises(PermanentError, match="firebase_invalid_argument"):
            kept.set_claims("u1", claims)


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (429, "RESOURCE_EXHAUSTED", "firebase_quota"),
        (400, "TOO_MANY_ATTEMPTS_TRY_LATER", "firebase_quota"),
        (503, "UNAVAILABLE", "firebase_unavailable"),
        (502, "BAD_GATEWAY", "firebase_unknown"),
        (401, "UNAUTHENTICATED", "firebase_unauthenticated"),
        (403, "PERMISSION_DENIED", "firebase_permission_denied"),
    ],
)
def test_a_refusal_of_the_service_is_tried_again_and_carries_no_text(
    kept: Accounts, toolkit: IdentityToolkit, status: int, code: str, expected: str
) -> None:
    toolkit.refuse = (status, code)
    with pytest.raises(TransientError) as raised:
        kept.read(["u1"])
    assert str(raised.value) == expected
    assert raised.value.__suppress_context__


def test_a_listing_whose_token_has_expired_is_begun_anew_another_time(
    kept: Accounts, toolkit: IdentityToolkit, firebase: MemoryFirebase
) -> None:
    for number in range(5):
        firebase.sign_up(f"u{number}")
    _, token = kept.page(None, 2)
    toolkit.next = "another"
    with pytest.raises(TransientError, match=r"^firebase_listing_expired$"):
        kept.page(token, 2)
    uids: list[str] = []
    page, token = kept.page(None, 2)
    while page:
        uids += [account.uid for account, _ in page]
        page, token = kept.page(token, 2) if token else ([], None)
    assert uids == [f"u{number}" for number in range(5)]


def test_a_page_that_is_asked_for_wrongly_is_no_expired_token(kept: Accounts) -> None:
    with pytest.raises(PermanentError, match="firebase_invalid_argument"):
        kept.page(None, 1001)
