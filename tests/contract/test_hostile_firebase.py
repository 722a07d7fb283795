"""
Whatever is answered in the name of Identity Toolkit or Cloud Messaging is read, or is an error of
ours that says nothing of it: every value of an answer is put into every wrong form, and the answer
itself is cut, or is none.
"""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Callable, Generator, Iterator
from typing import Any, cast

import pytest

from infra.local.loopback import Response
from shared.errors import PermanentError, SyncError, TransientError
from shared.models.users import Account
from shared.notices.push import Messaging, Push, Receipt
from shared.stores.accounts import Accounts
from tests.contract.recording import Server, recording

PLANTED = "planted-text"
WRONG: list[Any] = [
    None, True, 0, -1, 1.5, 10**400, 2**63, float("nan"), float("inf"), "", PLANTED, "\ud800",
    "9" * 5000, "[" * 2000, "\x00", [], [PLANTED], [None], [[]], {}, {PLANTED: PLANTED},
]  # fmt: skip
BODIES = [
    b"", b"\xff\xfe", b"null", b"[]", b'"planted-text"', b"<html>planted-text", b"{", b"1e999",
    b"[" * 100_000, b'{"users":' + b"[" * 100_000, b"9" * 5000, b'{"users": ' + b"9" * 5000 + b"}",
    b'\xef\xbb\xbf{"users": []}',
]  # fmt: skip
ACCOUNTS: dict[str, Any] = {
    "kind": "any", "localId": "u1", "nextPageToken": "t",
    "users": [{
        "localId": "u1", "email": "a@b", "phoneNumber": "+919876543210", "emailVerified": True,
        "customAttributes": json.dumps({"role": "authenticated"}), "createdAt": "1750000000000",
    }],
}  # fmt: skip
REFUSED: dict[str, Any] = {
    "error": {
        "code": 400, "message": "ANY : text", "status": "INVALID_ARGUMENT",
        "details": [{
            "@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError",
            "errorCode": "UNREGISTERED",
        }],
    },
}  # fmt: skip


def variants(value: Any) -> Iterator[Any]:
    """Yield a value with each of its parts missing, and in every wrong form."""
    yield from WRONG
    if isinstance(value, dict):
        parts = cast("dict[str, Any]", value)
        for name, part in parts.items():
            yield {key: kept for key, kept in parts.items() if key != name}
            for variant in variants(part):
                yield parts | {name: variant}
    elif isinstance(value, list):
        for variant in variants(value[0]):
            yield [variant, *value]


def answers(good: Any) -> Iterator[bytes]:
    yield from BODIES
    whole = json.dumps(good).encode()
    yield from (whole[:length] for length in range(0, len(whole), 7))
    yield from (json.dumps(variant).encode() for variant in variants(good))


@pytest.fixture(name="server")
def _server(monkeypatch: pytest.MonkeyPatch) -> Generator[Server]:
    with recording() as server:
        monkeypatch.setenv("FIREBASE_AUTH_EMULATOR_HOST", server.host)
        monkeypatch.setenv("FCM_URL", server.url)
        yield server


CALLS: dict[str, tuple[Callable[[Accounts], Any], type[Any]]] = {
    "read": (lambda accounts: accounts.read(["u1"]), dict),
    "page": (lambda accounts: accounts.page(None), tuple),
    "create": (lambda accounts: accounts.create("u1", "a@b"), type(None)),
    "delete": (lambda accounts: accounts.delete("u1"), int),
    "set_claims": (lambda accounts: accounts.set_claims("u1", {}), type(None)),
}


def outcome(call: Callable[[Accounts], Any], accounts: Accounts) -> tuple[type[Any], str]:
    """Return the type of what a call returned, or its error and the error's code."""
    try:
        return type(call(accounts)), ""
    except SyncError as error:
        return type(error), str(error)


def outcomes(
    server: Server, call: Callable[[Accounts], Any], good: Any, status: int
) -> set[tuple[type[Any], str]]:
    """Return all that came of a call with the variants of an answer."""
    accounts, found = Accounts(), set[tuple[type[Any], str]]()
    for body in answers(good):
        server.answer = Response(status, body)
        found.add(outcome(call, accounts))
    accounts.close()
    return found


@pytest.mark.parametrize(("call", "returned"), CALLS.values(), ids=CALLS)
def test_an_answer_about_accounts_is_read_or_waited_for(
    server: Server, call: Callable[[Accounts], Any], returned: type[Any]
) -> None:
    broken = (TransientError, "firebase_answer_broken")
    assert outcomes(server, call, ACCOUNTS, 200) == {broken, (returned, "")}


@pytest.mark.parametrize(("call", "returned"), CALLS.values(), ids=CALLS)
def test_a_refusal_about_accounts_has_a_code_of_ours(
    server: Server,
    call: Callable[[Accounts], Any],
    returned: type[Any],
) -> None:
    assert outcomes(server, call, REFUSED, 400) == {(PermanentError, "firebase_invalid_argument")}
    assert outcomes(server, call, REFUSED, 503) == {(TransientError, "firebase_unavailable")}


def test_what_is_read_of_an_account_has_the_types_that_it_is_to_have(server: Server) -> None:
    accounts, found = Accounts(), list[tuple[Account, float]]()
    for body in answers(ACCOUNTS):
        server.answer = Response(200, body)
        with contextlib.suppress(TransientError):
            page, token = accounts.page(None)
            assert isinstance(cast("Any", token), str | None)
            found += page
    accounts.close()
    assert len(found) > 30
    for account, created in found:
        kinds = [type(part) for part in (account.uid, account.claims, account.verified, created)]
        assert kinds == [str, dict, bool, float]
        assert {type(account.email), type(account.phone)} <= {str, type(None)}
        assert math.isfinite(created)


FATES = [
    (200, {"taken", "later"}),
    (400, {"dead", "refused"}),
    (503, {"dead", "refused", "later"}),
]


@pytest.mark.parametrize(("status", "fates"), FATES)
def test_an_answer_about_a_push_becomes_a_receipt(
    server: Server, status: int, fates: set[str]
) -> None:
    messaging, receipts = Messaging(), list[Receipt]()
    for body in answers({"name": "any"} if status == 200 else REFUSED):
        server.answer = Response(status, body, {"Retry-After": "7"})
        receipts += messaging.send([Push("n1", "t1")])
    messaging.close()
    assert {receipt.fate for receipt in receipts} <= fates
    assert len({receipt.fate for receipt in receipts}) > 1
    assert not [receipt for receipt in receipts if PLANTED in repr(receipt)]


@pytest.mark.parametrize("given", ["", "nan", "-inf", "1e999", "9" * 5000, "0x10", "Thu", "\x80"])
def test_a_retry_after_that_says_nothing_is_none(server: Server, given: str) -> None:
    server.answer = Response(429, b"", {"Retry-After": given})
    messaging = Messaging()
    assert messaging.send([Push("n1", "t1")]) == [Receipt("later", "fcm_quota")]
    messaging.close()


def test_an_answer_in_an_encoding_that_it_does_not_have_is_none(server: Server) -> None:
    server.answer = Response(200, b"planted-text", {"Content-Encoding": "gzip"})
    accounts, messaging = Accounts(), Messaging()
    with pytest.raises(TransientError, match=r"^firebase_unreachable$"):
        accounts.read(["u1"])
    assert messaging.send([Push("n1", "t1")]) == [Receipt("later", "fcm_unavailable")]
    accounts.close()
    messaging.close()
