"""
Where the token for Google's APIs comes from. The metadata server is a stand-in with the answers
that Google documents; who asks it is a process of its own, as google-auth reads its address once.
What is asked in a deployed function, without google-auth, is what google-auth asks elsewhere.
"""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from infra.local.loopback import JSON, LoopbackServer, Request, Response
from shared import google_account
from tests.contract.serving import self_signed, served, serving

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


DEPLOYED = {"K_SERVICE": "store-user"}


@pytest.mark.parametrize("env", [DEPLOYED, {}])
def test_the_metadata_server_is_asked_once_while_its_token_is_good(env: dict[str, str]) -> None:
    metadata = Metadata()
    with served(metadata.answer) as host:
        said = asked(host, **env)
    assert [line.replace("A", "a") for line in said] == ["{'authorization': 'Bearer made-up'}"] * 2
    assert len(metadata.tokens) == 1


def test_a_deployed_function_asks_for_its_token_as_google_auth_does_and_for_nothing_else() -> None:
    ours, theirs = Metadata(), Metadata()
    with served(ours.answer) as host:
        asked(host, **DEPLOYED)
    with served(theirs.answer) as host:
        asked(host)
    assert meaning(ours.tokens) == meaning(theirs.tokens)
    assert len(ours.asked) == 1


def test_a_token_that_is_about_to_expire_is_asked_for_again() -> None:
    metadata = Metadata(expires_in=225)
    with served(metadata.answer) as host:
        asked(host, **DEPLOYED)
    assert len(metadata.tokens) == 2


def test_a_metadata_server_that_is_not_there_yet_is_asked_again() -> None:
    metadata = Metadata(refusals=2)
    with served(metadata.answer) as host:
        said = asked(host, **DEPLOYED)
    assert said == ["{'Authorization': 'Bearer made-up'}"] * 2


def test_a_metadata_server_that_is_not_there_at_all_yet_is_given_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where nobody listens, tries without a rest between them are over within a millisecond."""
    metadata, rests = Metadata(), list[float]()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]

    def rest(seconds: float) -> None:
        rests.append(seconds)
        if len(rests) == 2:  # it comes while we wait for the second time
            comes.enter_context(serving(LoopbackServer(port, metadata.answer)))

    monkeypatch.setattr(google_account.time, "sleep", rest)
    with contextlib.ExitStack() as comes:
        assert google_account.MetadataServer(f"127.0.0.1:{port}").token() == "made-up"
    assert 0 < sum(rests) < 5


@pytest.mark.parametrize("env", [DEPLOYED, {}])
def test_where_no_token_is_given_the_delivery_comes_again(env: dict[str, str]) -> None:
    with served(Metadata(status=403).answer) as host:
        said = asked(host, **env)
    assert said == ["google_credentials_unavailable"] * 2


@pytest.mark.parametrize("body", ["", "[]", "{}", '{"access_token": 1, "expires_in": 3599}'])
def test_an_answer_that_is_none_is_no_token(body: str) -> None:
    with served(Metadata(body=body).answer) as host:
        said = asked(host, **DEPLOYED)
    assert said == ["google_credentials_unavailable"] * 2


def test_a_deployed_function_imports_no_google_auth_for_it() -> None:
    more = "import sys; print([m for m in ('google.auth', 'requests') if m in sys.modules])"
    with served(Metadata().answer) as host:
        assert asked(host, more, **DEPLOYED)[-1] == "[]"


def test_beside_the_emulators_no_account_is_looked_for() -> None:
    metadata = Metadata()
    with served(metadata.answer) as host:
        said = asked(host, FIRESTORE_EMULATOR_HOST="127.0.0.1:1", **DEPLOYED)
    assert said == ["{'Authorization': 'Bearer owner'}"] * 2
    assert metadata.asked == []


def test_who_gives_the_token_of_an_accounts_file_is_known_by_the_authorities_that_we_bring(
    tmp_path: Path,
) -> None:
    """A system may have none of its own, as a small image or Python on a Mac."""
    certificate = self_signed("localhost", tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    given = json.dumps({"access_token": "made-up", "expires_in": 3599}).encode()
    server = LoopbackServer(0, lambda _: Response(200, given, {"Content-Type": JSON}))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    brought = f"import certifi; certifi.where = lambda: {str(certificate)!r}"
    with serving(server) as port:
        token_uri = f"https://localhost:{port}/token"
        file = accounts_file(tmp_path, token_uri=token_uri, private_key=made_up_key())
        said = asked("127.0.0.1:1", before=brought, GOOGLE_APPLICATION_CREDENTIALS=str(file))
    assert [line.replace("A", "a") for line in said] == ["{'authorization': 'Bearer made-up'}"] * 2


def made_up_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


def accounts_file(folder: Path, **fields: str) -> Path:
    """Write the file of an account that nobody has."""
    path = folder / "account.json"
    email = "sync@demo-test.iam.example"
    path.write_text(json.dumps({"type": "service_account", "client_email": email} | fields))
    return path


class Metadata:
    """Google's metadata server, with a token that is good for an hour."""

    def __init__(
        self, status: int = 200, expires_in: int = 3599, refusals: int = 0, body: str | None = None
    ) -> None:
        token = {"access_token": "made-up", "expires_in": expires_in, "token_type": "Bearer"}
        self._body = json.dumps(token) if body is None else body
        self._status, self._refusals = status, refusals
        self.asked: list[Request] = []

    @property
    def tokens(self) -> list[Request]:
        """The requests for a token."""
        return [request for request in self.asked if request.path.endswith("/token")]

    def answer(self, request: Request) -> Response:
        """Answer what google-auth and we ask."""
        self.asked.append(request)
        flavor = {"Metadata-Flavor": "Google", "Content-Type": JSON}
        if request.path.startswith(ACCOUNT) and request.path.endswith("/token"):
            refused = len(self.tokens) <= self._refusals
            return Response(503 if refused else self._status, self._body.encode(), flavor)
        if request.path.startswith(ACCOUNT):
            account = {"email": "sync@demo-test.iam.example", "scopes": [], "aliases": []}
            return Response(200, json.dumps(account).encode(), flavor)
        if request.path.endswith("/project/project-id"):
            return Response(200, b"demo-test", flavor | {"Content-Type": "application/text"})
        return Response(200 if request.path == "/" else 404, b"", flavor)


def meaning(requests: list[Request]) -> list[tuple[str, ...]]:
    return [
        (r.method, r.path, str(r.query), r.headers["metadata-flavor"], r.body.decode())
        for r in requests
    ]


def asked(host: str, more: str = "", before: str = "", **env: str) -> list[str]:
    """Return what a process was given that asked for its authorization twice."""
    where = {"GCE_METADATA_HOST": host, "GCE_METADATA_IP": host, "CLOUDSDK_CONFIG": "/nowhere"}
    done = subprocess.run(
        [sys.executable, "-c", before + ASKS + more], cwd=REPOSITORY, capture_output=True,
        text=True, check=True, env={**where, "PATH": "/nowhere", **env},
    )  # fmt: skip
    return done.stdout.splitlines()
