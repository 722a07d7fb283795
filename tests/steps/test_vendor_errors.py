"""
Every error that a vendor is known to answer with: what the sync makes of it, and that nothing of
its text gets any further. The real clients speak to a loopback server that answers as the vendor.
"""

from __future__ import annotations

import json
import logging
import threading
import traceback
from collections.abc import Callable, Generator
from contextlib import contextmanager

import pytest
from google.api_core import exceptions as google
from psycopg import errors as postgres

from infra.local.loopback import JSON, LoopbackServer, Response
from shared import log
from shared.errors import ContendedError, PermanentError, SyncError, TransientError
from shared.search.embeddings import Embedder
from shared.stores import core, firestore
from shared.stores.supabase import Supabase

PLANTED = "Plantedsecret +919876543210 planted@example.com"
Answers = Callable[..., str]
NONE = Response(0)  # the connection closes without an answer


@pytest.fixture(name="answering")
def _answering() -> Generator[Answers]:
    """Serve one answer to everything; return the server's address."""
    servers: list[LoopbackServer] = []

    def answering(status: int, body: object = None, **headers: str) -> str:
        data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = Response(status, data, {"Content-Type": JSON} | named) if status else None
        servers.append(LoopbackServer(0, lambda _: answer))
        threading.Thread(target=servers[-1].serve_forever, args=(0.01,), daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].port}"

    yield answering
    for server in servers:
        server.shutdown()
        server.server_close()


@contextmanager
def supabase(url: str) -> Generator[Supabase]:
    """Lend the real client, to be closed."""
    client = Supabase(url, "key")
    yield client
    client._http.close()


@contextmanager
def embedder(url: str, monkeypatch: pytest.MonkeyPatch) -> Generator[Embedder]:
    """Lend the real client, to be closed."""
    monkeypatch.setenv("OPENAI_API_KEY", "key")
    monkeypatch.setenv("OPENAI_BASE_URL", f"{url}/v1")
    client = Embedder()
    yield client
    client._client.close()


@contextmanager
def becomes(
    kind: type[SyncError], code: str, caplog: pytest.LogCaptureFixture
) -> Generator[pytest.ExceptionInfo[SyncError]]:
    """Expect an error of exactly this kind and code, and none of the vendor's text anywhere."""
    log.quiet_vendors()
    with caplog.at_level(logging.INFO), pytest.raises(SyncError) as raised:
        yield raised
    error = raised.value
    assert (type(error), error.code) == (kind, code)
    assert "lanted" not in "".join(traceback.format_exception(error)) + caplog.text


REST: list[tuple[str, int, str, type[SyncError]]] = [
    ("a duplicate key parks the entity", 409, "23505", PermanentError),
    ("a missing reference parks the entity", 409, "23503", PermanentError),
    ("a broken check parks the entity", 400, "23514", PermanentError),
    ("a duplicate key within one batch parks, though it is a 500", 500, "21000", PermanentError),
    ("a value of the wrong form parks the entity", 400, "22P02", PermanentError),
    ("a vector of the wrong size parks the entity", 400, "22000", PermanentError),
    ("a row of whom an erasure buried is refused for good", 410, "PT410", PermanentError),
    ("a serialization failure is tried again, though it is a 500", 500, "40001", TransientError),
    ("a deadlock is tried again", 500, "40P01", TransientError),
    ("a statement that ran too long is tried again", 500, "57014", TransientError),
    ("a database that shuts down is waited for", 503, "57P01", TransientError),
    ("a database that lost its connection is waited for", 503, "08006", TransientError),
    ("a database without free connections is waited for", 503, "53300", TransientError),
    ("missing rights are our mistake and lose nothing", 403, "42501", TransientError),
    ("missing rights of a stranger are our mistake too", 401, "42501", TransientError),
    ("a write that would touch too many rows is our mistake", 400, "PGRST124", TransientError),
    ("a missing table is our mistake and loses nothing", 404, "42P01", TransientError),
    ("a missing function is our mistake and loses nothing", 404, "42883", TransientError),
    ("an exception of our own functions loses nothing", 400, "P0001", TransientError),
    ("an API without its database is waited for", 503, "PGRST000", TransientError),
    ("an API that cannot connect is waited for", 503, "PGRST001", TransientError),
    ("an API that builds its cache is waited for", 503, "PGRST002", TransientError),
    ("an API whose pool is used up is waited for", 504, "PGRST003", TransientError),
    ("not exactly one row is our mistake", 406, "PGRST116", TransientError),
    ("a function that the cache does not know is waited for", 404, "PGRST202", TransientError),
    ("a column that the cache does not know is waited for", 400, "PGRST204", TransientError),
    ("a table that the cache does not know is waited for", 404, "PGRST205", TransientError),
    ("a token that cannot be read is our mistake", 401, "PGRST301", TransientError),
    ("a request without a token is our mistake", 401, "PGRST302", TransientError),
    ("a token that expired is our mistake", 401, "PGRST303", TransientError),
]


@pytest.mark.parametrize(
    ("status", "code", "kind"), [r[1:] for r in REST], ids=[r[0] for r in REST]
)
def test_of_supabases_data_api(
    answering: Answers,
    caplog: pytest.LogCaptureFixture,
    status: int,
    code: str,
    kind: type[SyncError],
) -> None:
    body = {"code": code, "message": PLANTED, "details": f"Key=({PLANTED})", "hint": PLANTED}
    expected = "patient_erased" if code == "PT410" else f"supabase_{code.lower()}"
    with supabase(answering(status, body)) as client, becomes(kind, expected, caplog):
        client.call("any", {"p": PLANTED})


@pytest.mark.parametrize("status", [408, 413, 429, 502, 503, 504])
def test_of_a_gateway_in_front_of_supabase_is_waited_for(
    answering: Answers, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    url, expected = answering(status, f"<html>{PLANTED}"), f"supabase_{status}"
    with supabase(url) as client, becomes(TransientError, expected, caplog):
        client.call("any", {"p": PLANTED})


@pytest.mark.parametrize("call", ["select", "call"])
@pytest.mark.parametrize("value", ["9" * 5000, "[" * 5000 + "]" * 5000], ids=["digits", "depth"])
def test_of_supabase_a_value_that_python_cannot_read_parks_the_entity(
    answering: Answers, caplog: pytest.LogCaptureFixture, call: str, value: str
) -> None:
    url = answering(200, f'[{{"id": "{PLANTED}", "structured_json": {value}}}]')
    with supabase(url) as client, becomes(PermanentError, "supabase_value_unreadable", caplog):
        client.select("documents", "*", ["any"]) if call == "select" else client.call("any", {})


def test_of_supabase_rows_that_were_cut_short_are_asked_for_again(
    answering: Answers, caplog: pytest.LogCaptureFixture
) -> None:
    url = answering(200, f'[{{"id": "{PLANTED}", "structured_json"')
    with supabase(url) as client, becomes(TransientError, "supabase_answer_broken", caplog):
        client.select("documents", "*", ["any"])


AUTH: list[tuple[str, int, str, type[SyncError]]] = [
    ("a user without contact is parked", 400, "validation_failed", PermanentError),
    ("a body that is no JSON is parked", 400, "bad_json", PermanentError),
    ("a body that is too large is parked", 413, "request_entity_too_large", PermanentError),
    ("a taken e-mail is looked at again", 422, "email_exists", ContendedError),
    ("a taken phone is looked at again", 422, "phone_exists", ContendedError),
    (
        "a 500 that hides a taken id or contact is looked into",
        500,
        "unexpected_failure",
        ContendedError,
    ),
    ("a request without a key is our mistake", 401, "no_authorization", TransientError),
    ("a key that is not accepted is our mistake", 403, "bad_jwt", TransientError),
    ("a key without rights is our mistake", 403, "not_admin", TransientError),
    ("a user that is gone parks the one", 404, "user_not_found", PermanentError),
    (
        "an id that is no UUID is parked, though it is a 404",
        404,
        "validation_failed",
        PermanentError,
    ),
    ("a used up rate is waited for", 429, "over_request_rate_limit", TransientError),
    ("a request that ran out of time is tried again", 408, "request_timeout", TransientError),
]


@pytest.mark.parametrize(
    ("status", "code", "kind"), [r[1:] for r in AUTH], ids=[r[0] for r in AUTH]
)
def test_of_supabase_auth(
    answering: Answers,
    caplog: pytest.LogCaptureFixture,
    status: int,
    code: str,
    kind: type[SyncError],
) -> None:
    url = answering(status, {"code": code, "message": PLANTED}, x_sb_error_code=code,
                    X_Supabase_Api_Version="2024-01-01")  # fmt: skip
    with supabase(url) as client, becomes(kind, f"supabase_{code}", caplog):
        client.create_user({"email": PLANTED})


def test_of_supabase_auth_in_the_older_form_which_quotes_the_row_is_tried_again_without_it(
    answering: Answers, caplog: pytest.LogCaptureFixture
) -> None:
    body = {"code": "23505", "message": PLANTED, "detail": f"Key (phone)=({PLANTED}) exists."}
    url = answering(500, body)
    with supabase(url) as client, becomes(TransientError, "supabase_unknown", caplog):
        client.create_user({"email": PLANTED})


@pytest.mark.parametrize("status", [0, 502, 503, 504])
def test_of_a_supabase_auth_that_is_away_is_waited_for(
    answering: Answers, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    url = answering(status, PLANTED)
    with supabase(url) as client, becomes(TransientError, "supabase_unreachable", caplog):
        client.create_user({"email": PLANTED})


OPENAI: list[tuple[str, int, str | None, type[SyncError], str]] = [
    ("a text that is too long is parked", 400, "context_length_exceeded", PermanentError,
     "embeddings_refused_input"),
    ("dimensions that do not fit are parked", 422, None, PermanentError,
     "embeddings_refused_input"),
    ("a wrong key is our mistake and loses nothing", 401, "invalid_api_key", TransientError,
     "embeddings_http_401"),
    ("a key without rights is our mistake", 403, None, TransientError, "embeddings_http_403"),
    ("an unknown model is our mistake", 404, "model_not_found", TransientError,
     "embeddings_http_404"),
    ("a request that ran out of time is tried again", 408, None, TransientError,
     "embeddings_http_408"),
    ("a conflict is tried again", 409, None, TransientError, "embeddings_http_409"),
    ("a used up rate is waited for", 429, "rate_limit_exceeded", TransientError,
     "embeddings_rate_limit"),
    ("a used up quota is waited for much longer", 429, "insufficient_quota", TransientError,
     "embeddings_quota"),
    ("a failing provider is tried again", 500, None, TransientError, "embeddings_http_500"),
    ("an overloaded provider is tried again", 503, None, TransientError, "embeddings_http_503"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("status", "code", "kind", "expected"), [r[1:] for r in OPENAI], ids=[r[0] for r in OPENAI]
)
def test_of_the_embeddings_provider(
    answering: Answers,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    status: int,
    code: str | None,
    kind: type[SyncError],
    expected: str,
) -> None:
    body = {"error": {"message": PLANTED, "code": code, "type": "x", "param": PLANTED}}
    url = answering(status, body, Retry_After="7")
    with embedder(url, monkeypatch) as client, becomes(kind, expected, caplog) as raised:
        client.embed([PLANTED])
    if status == 429:
        waits = {"embeddings_quota": 3600, "embeddings_rate_limit": 7}
        assert getattr(raised.value, "retry_after", None) == waits[expected]


def test_of_an_embeddings_provider_that_is_away_is_waited_for(
    answering: Answers, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = becomes(TransientError, "embeddings_unreachable", caplog)
    with embedder(answering(0), monkeypatch) as client, expected:
        client.embed([PLANTED])


@pytest.mark.parametrize("body", [{"data": []}, PLANTED])
def test_of_an_embeddings_answer_without_vectors_is_tried_again(
    answering: Answers,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    body: object,
) -> None:
    url = answering(200, body)
    expected = becomes(TransientError, "embeddings_unreachable", caplog)
    with embedder(url, monkeypatch) as client, expected:
        client.embed([PLANTED])


FIRESTORE: list[tuple[str, Exception, type[SyncError], str]] = [
    ("a document that is there already is read again", google.AlreadyExists(PLANTED),
     ContendedError, "firestore_moved_on"),
    ("a document that is gone is read again", google.NotFound(PLANTED),
     ContendedError, "firestore_moved_on"),
    ("a document that moved on is read again", google.FailedPrecondition(PLANTED),
     ContendedError, "firestore_moved_on"),
    ("a lost race is read again", google.Aborted(PLANTED), ContendedError, "firestore_moved_on"),
    ("a value that no document holds is parked", google.InvalidArgument(PLANTED),
     PermanentError, "firestore_invalid_argument"),
    ("a used up quota is waited for", google.ResourceExhausted(PLANTED),
     TransientError, "firestore_quota"),
    ("missing rights are our mistake", google.PermissionDenied(PLANTED),
     TransientError, "firestore_denied"),
    ("missing credentials are our mistake", google.Unauthenticated(PLANTED),
     TransientError, "firestore_denied"),
    ("a call that ran out of time is tried again", google.DeadlineExceeded(PLANTED),
     TransientError, "firestore_unreachable"),
    ("a service that is away is waited for", google.ServiceUnavailable(PLANTED),
     TransientError, "firestore_unreachable"),
    ("a failing service is waited for", google.InternalServerError(PLANTED),
     TransientError, "firestore_unreachable"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("error", "kind", "code"), [r[1:] for r in FIRESTORE], ids=[r[0] for r in FIRESTORE]
)
def test_of_firestore(
    caplog: pytest.LogCaptureFixture, error: Exception, kind: type[SyncError], code: str
) -> None:
    with becomes(kind, code, caplog), firestore.translated("Commit"):
        raise error


POSTGRES: list[tuple[str, Exception, type[SyncError], str]] = [
    ("a taken unique value is a lost race", postgres.UniqueViolation(PLANTED),
     ContendedError, "core_23505"),
    ("a missing parent is waited for", postgres.ForeignKeyViolation(PLANTED),
     TransientError, "core_parent_missing"),
    ("a broken check parks the entity", postgres.CheckViolation(PLANTED),
     PermanentError, "core_23514"),
    ("a missing value parks the entity", postgres.NotNullViolation(PLANTED),
     PermanentError, "core_23502"),
    ("a text that is too long parks the entity", postgres.StringDataRightTruncation(PLANTED),
     PermanentError, "core_22001"),
    ("a text with NUL in it parks the entity", postgres.UntranslatableCharacter(PLANTED),
     PermanentError, "core_22p05"),
    ("a serialization failure is tried again", postgres.SerializationFailure(PLANTED),
     ContendedError, "core_40001"),
    ("a deadlock is tried again", postgres.DeadlockDetected(PLANTED),
     ContendedError, "core_40p01"),
    ("a lock that was not had in time is tried again", postgres.LockNotAvailable(PLANTED),
     ContendedError, "core_55p03"),
    ("a statement that ran too long is tried again", postgres.QueryCanceled(PLANTED),
     TransientError, "core_57014"),
    ("a server that shuts down is waited for", postgres.AdminShutdown(PLANTED),
     TransientError, "core_57p01"),
    ("a server without free connections is waited for", postgres.TooManyConnections(PLANTED),
     TransientError, "core_53300"),
    ("missing rights are our mistake", postgres.InsufficientPrivilege(PLANTED),
     TransientError, "core_42501"),
    ("a wrong password is our mistake", postgres.InvalidPassword(PLANTED),
     TransientError, "core_28p01"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("error", "kind", "code"), [r[1:] for r in POSTGRES], ids=[r[0] for r in POSTGRES]
)
def test_of_core(
    caplog: pytest.LogCaptureFixture, error: Exception, kind: type[SyncError], code: str
) -> None:
    with becomes(kind, code, caplog), core.translated("select 1"):
        raise error
