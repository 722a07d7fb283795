"""
Where the token for Google's APIs comes from. The metadata server is a stand-in with the answers
that Google documents; who asks it is a process of its own, as google-auth reads its address once.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from infra.local.loopback import JSON, Request, Response
from tests.contract.serving import served

REPOSITORY = Path(__file__).parents[2]
ASKS = """
from shared import google_account
from shared.errors import TransientError
for _ in range(2):
    try:
        print(google_account.authorization())
    except TransientError as error:
        print(error)
"""
ACCOUNT = "/computeMetadata/v1/instance/service-accounts/"


def test_a_function_asks_the_metadata_server_once_while_its_token_is_good() -> None:
    metadata = Metadata()
    with served(metadata.answer) as host:
        said = asked(host)
    assert said == ["{'authorization': 'Bearer made-up'}"] * 2
    assert metadata.tokens == 1


def test_where_the_metadata_server_gives_no_token_the_delivery_comes_again() -> None:
    with served(Metadata(status=403).answer) as host:
        said = asked(host)
    assert said == ["google_credentials_unavailable"] * 2


def test_beside_the_emulators_no_account_is_looked_for() -> None:
    metadata = Metadata()
    with served(metadata.answer) as host:
        said = asked(host, FIRESTORE_EMULATOR_HOST="127.0.0.1:1")
    assert said == ["{'Authorization': 'Bearer owner'}"] * 2
    assert metadata.asked == 0


class Metadata:
    """Google's metadata server, with a token that is good for an hour."""

    def __init__(self, status: int = 200) -> None:
        self._status = status
        self.asked = self.tokens = 0

    def answer(self, request: Request) -> Response:
        """Answer what google-auth asks."""
        self.asked += 1
        flavor = {"Metadata-Flavor": "Google", "Content-Type": JSON}
        if request.path.startswith(ACCOUNT) and request.path.endswith("/token"):
            self.tokens += 1
            token = {"access_token": "made-up", "expires_in": 3599, "token_type": "Bearer"}
            return Response(self._status, json.dumps(token).encode(), flavor)
        if request.path.startswith(ACCOUNT):
            account = {"email": "sync@demo-test.iam.example", "scopes": [], "aliases": []}
            return Response(200, json.dumps(account).encode(), flavor)
        if request.path.endswith("/project/project-id"):
            return Response(200, b"demo-test", flavor | {"Content-Type": "application/text"})
        return Response(200 if request.path == "/" else 404, b"", flavor)


def asked(host: str, **env: str) -> list[str]:
    """Return what a process was given that asked for its authorization twice."""
    where = {"GCE_METADATA_HOST": host, "GCE_METADATA_IP": host, "CLOUDSDK_CONFIG": "/nowhere"}
    done = subprocess.run(
        [sys.executable, "-c", ASKS], cwd=REPOSITORY, env={**where, "PATH": "/nowhere", **env},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout.splitlines()
