"""A private function admits the one account that may call it, and nobody else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jwt
import pytest

from shared.access import caller
from shared.errors import RequestError, TransientError
from tests.steps.google import Google

HOST = "store-user-abc.a.run.app"
ACCOUNT = "calls-store-user@demo-test.iam.gserviceaccount.com"
Sign = Callable[..., str]


@pytest.fixture(name="sign")
def _sign(google: Google, monkeypatch: pytest.MonkeyPatch) -> Sign:
    """Return a signer of tokens that are right unless told otherwise."""
    monkeypatch.setenv("GOOGLE_KEYS_URL", google.url)
    monkeypatch.setenv("CALLED_BY", ACCOUNT)

    def sign(key: str = "one", **changes: Any) -> str:
        claims = {
            "iss": "https://accounts.google.com",
            "sub": "1",
            "aud": f"https://{HOST}",
            "email": ACCOUNT,
            "email_verified": True,
        }
        return "Bearer " + google.sign(claims | changes, key=key)

    return sign


def test_the_account_that_may_call_is_admitted(sign: Sign) -> None:
    caller.verify(sign(), HOST)


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"email": "stranger@demo-test.iam.gserviceaccount.com"}, 403),
        ({"email_verified": False}, 403),
        ({"aud": "https://other.a.run.app"}, 401),
        ({"iss": "https://evil.example.com"}, 401),
        ({"exp": 1}, 401),
        ({"exp": None}, 401),
        ({"iat": 2**40}, 401),
        ({"aud": None}, 401),
        ({"aud": []}, 401),
        ({"email": None}, 403),
        ({"email_verified": "true"}, 403),
    ],
)
def test_a_token_that_is_not_for_this_call_is_refused(
    sign: Sign, changes: dict[str, Any], status: int
) -> None:
    with pytest.raises(RequestError) as refusal:
        caller.verify(sign(**changes), HOST)

    assert refusal.value.status == status


def test_a_token_of_another_key_is_refused(sign: Sign) -> None:
    with pytest.raises(RequestError, match="token_signature"):
        caller.verify(sign(key="strange"), HOST)


@pytest.mark.parametrize(
    "header",
    ["", "Bearer ", "Basic abc", "Bearer not.a.token", "Bearer a", "Bearer " + "a" * 10_000],
)
def test_a_header_without_a_token_is_refused(sign: Sign, header: str) -> None:
    del sign
    with pytest.raises(RequestError) as refusal:
        caller.verify(header, HOST)

    assert refusal.value.status == 401


def test_on_cloud_run_a_function_that_does_not_know_its_caller_admits_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("K_SERVICE", "store-user")

    with pytest.raises(TransientError, match="CALLED_BY"):
        caller.verify("Bearer anything", HOST)


def test_keys_that_cannot_be_fetched_only_delay(
    sign: Sign, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOOGLE_KEYS_URL", "http://127.0.0.1:9/certs")

    with pytest.raises(TransientError, match="google_keys_unreachable"):
        caller.verify(sign(), HOST)


@pytest.mark.parametrize("algorithm", ["none", "HS256"])
def test_no_other_algorithm_is_accepted_whatever_the_header_says(
    google: Google, sign: Sign, algorithm: str
) -> None:
    """The classic forgery signs with the public key as if it were a shared secret."""
    claims = jwt.decode(sign()[len("Bearer ") :], options={"verify_signature": False})
    secret = "" if algorithm == "none" else "x" * 32
    forged = jwt.encode(claims, secret, algorithm, headers={"kid": "one"})
    with pytest.raises(RequestError) as refusal:
        caller.verify(f"Bearer {forged}", HOST)
    assert refusal.value.status == 401
