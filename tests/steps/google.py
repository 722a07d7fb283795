"""Google as the issuer of tokens: a loopback server of its public keys, and a signer with them."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from infra.local.loopback import LoopbackServer, Request, Response


@cache
def private_key(name: str) -> rsa.RSAPrivateKey:
    """Return a key of that name, made once: making one takes a tenth of a second."""
    del name
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


class Google:
    """Publishes the keys named in `published`, and counts how often it is asked."""

    def __init__(self) -> None:
        self.published = ["one"]
        self.asked = 0
        self.status = 200
        self.server = LoopbackServer(0, self._answer)
        self.url = f"http://127.0.0.1:{self.server.port}/certs"

    def sign(self, claims: dict[str, Any], *, key: str = "one", key_id: str = "") -> str:
        """Sign claims, good for an hour unless they say otherwise; a None leaves a claim out."""
        now = int(time.time())
        all_of_them = {"iat": now, "exp": now + 3600} | claims
        kept = {name: value for name, value in all_of_them.items() if value is not None}
        kid = key_id or ("one" if key == "strange" else key)
        return jwt.encode(kept, private_key(key), "RS256", headers={"kid": kid})

    def _answer(self, request: Request) -> Response:
        del request
        self.asked += 1
        keys: list[dict[str, Any]] = []
        for name in self.published:
            public: dict[str, Any] = RSAAlgorithm.to_jwk(
                private_key(name).public_key(), as_dict=True
            )
            keys.append(public | {"kid": name, "use": "sig", "alg": "RS256"})
        return Response(self.status, json.dumps({"keys": keys}).encode())


@contextmanager
def serving() -> Generator[Google]:
    """Serve the keys."""
    google = Google()
    threading.Thread(target=google.server.serve_forever, args=(0.01,), daemon=True).start()
    yield google
    google.server.shutdown()
    google.server.server_close()
