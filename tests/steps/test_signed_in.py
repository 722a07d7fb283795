"""A Firebase ID token proves a uid, of this project alone, and nothing else does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jwt
import pytest

from shared.access import signed_in
from shared.errors import RequestError
from tests.steps.google import Google

PROJECT = "healbridge-live"
Sign = Callable[..., str]


@pytest.fixture(name="sign")
def _sign(google: Google, monkeypatch: pytest.MonkeyPatch) -> Sign:
    """Return a signer of ID tokens that are right unless told otherwise."""
    monkeypatch.setenv("FIREBASE_KEYS_URL", google.url)
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", PROJECT)

    def sign(key: str = "one", **changes: Any) -> str:
        issuer = f"https://securetoken.google.com/{PROJECT}"
        return google.sign({"iss": issuer, "aud": PROJECT, "sub": "u1"} | changes, key=key)

    return sign


def test_the_uid_of_an_id_token_is_taken_and_nothing_else_of_it(sign: Sign) -> None:
    assert signed_in.uid_of(f"Bearer {sign(role='admin', user_id='u2')}") == "u1"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"aud": "another-project"}, "token_audience"),
        ({"iss": "https://securetoken.google.com/another-project"}, "token_issuer"),
        ({"iss": "https://accounts.google.com"}, "token_issuer"),
        ({"exp": 1}, "token_expired"),
        ({"sub": None}, "token_form"),
        ({"sub": ""}, "token_subject"),
        ({"sub": "u" * 129}, "token_subject"),
        ({"key": "strange"}, "token_signature"),
        ({"key": "unknown"}, "token_key_unknown"),
    ],
)
def test_any_other_token_is_refused_and_the_log_may_know_why(
    sign: Sign, changes: dict[str, Any], code: str
) -> None:
    with pytest.raises(RequestError, match=code) as refusal:
        signed_in.uid_of(f"Bearer {sign(**changes)}")
    assert refusal.value.status == 401


def test_an_id_token_is_no_token_of_a_blocking_function_nor_the_other_way_round(
    sign: Sign,
) -> None:
    hook = sign(aud="https://announce-sign-in-abc.a.run.app")
    assert signed_in.uid_of_sign_in(hook) == "u1"
    with pytest.raises(RequestError, match="token_audience"):
        signed_in.uid_of_sign_in(sign())
    with pytest.raises(RequestError, match="token_audience"):
        signed_in.uid_of(f"Bearer {hook}")


def test_the_hooks_token_may_hold_all_that_a_provider_says_of_an_account(sign: Sign) -> None:
    hook = sign(aud="https://announce-sign-in-abc-el.a.run.app", raw_user_info="g" * 30_000)
    assert signed_in.uid_of_sign_in(hook) == "u1"


def test_an_unsigned_token_counts_beside_the_emulator_of_a_demo_project_only(
    sign: Sign, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unsigned(project: str) -> str:
        issuer = f"https://securetoken.google.com/{project}"
        claims = {"iss": issuer, "aud": project, "sub": "u1"}
        return "Bearer " + jwt.encode(claims, "", "none", headers={"kid": "one"})

    monkeypatch.setenv("FIREBASE_AUTH_EMULATOR_HOST", "127.0.0.1:1")
    with pytest.raises(RequestError, match="token_"):
        signed_in.uid_of(unsigned(PROJECT))
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "demo-test")
    assert signed_in.uid_of(unsigned("demo-test")) == "u1"
    with pytest.raises(RequestError, match="token_"):
        signed_in.uid_of(unsigned("demo-other"))
    monkeypatch.delenv("FIREBASE_AUTH_EMULATOR_HOST")
    with pytest.raises(RequestError, match="token_"):
        signed_in.uid_of(unsigned("demo-test"))
