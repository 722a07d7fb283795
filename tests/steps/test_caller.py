"""A private function admits the one account that may call it, and nobody else."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Generator
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from infra.local.loopback import LoopbackServer, Response
from shared import caller
from shared.errors import RequestError, TransientError

HOST = "store-user-abc.a.run.app"
ACCOUNT = "calls-store-user@demo-test.iam.gserviceaccount.com"
Sign = Callable[..., str]


@pytest.fixture(name="sign")
def _sign(monkeypatch: pytest.MonkeyPatch) -> Generator[Sign]:
    """Serve a key as Google does, and return a signer with it."""
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = RSAAlgorithm.to_jwk(private.public_key(), as_dict=True)
    keys = json.dumps({"keys": [public | {"kid": "one", "use": "sig", "alg": "RS256"}]}).encode()
    server = LoopbackServer(0, lambda _: Response(200, keys))
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    monkeypatch.setenv("GOOGLE_KEYS_URL", f"http://127.0.0.1:{server.port}/certs")
    monkeypatch.setenv("CALLED_BY", ACCOUNT)

    def sign(key: rsa.RSAPrivateKey = private, **changes: Any) -> str:
        now = int(time.time())
        claims = {
            "iss": "https://accounts.google.com",
            "aud": f"https://{HOST}",
            "email": ACCOUNT,
            "email_verified": True,
            "iat": now,
            "exp": now + 3600,
        } | changes
        return "Bearer " + jwt.encode(claims, key, "RS256", headers={"kid": "one"})

    yield sign
    server.shutdown()
    server.server_close()


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
    ],
)
def test_a_token_that_is_not_for_this_call_is_refused(
    sign: Sign, changes: dict[str, Any], status: int
) -> None:
    with pytest.raises(RequestError) as refusal:
        caller.verify(sign(**changes), HOST)

    assert refusal.value.status == status


def test_a_token_of_another_key_is_refused(sign: Sign) -> None:
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    with pytest.raises(RequestError, match="token"):
        caller.verify(sign(key=other), HOST)


@pytest.mark.parametrize("header", ["", "Bearer ", "Basic abc", "Bearer not.a.token", "Bearer a"])
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
