"""Every error that Firestore and core are known to answer with: what the sync makes of it."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

import pytest
from psycopg import errors as postgres

from shared.errors import ContendedError, PermanentError, SyncError, TransientError
from shared.stores import core
from shared.stores.firestore import Firestore, Write
from tests.steps.vendors import PLANTED, Answers, becomes

FIRESTORE: list[tuple[str, int, str, type[SyncError], str]] = [
    ("a document that is there already is read again", 409, "ALREADY_EXISTS",
     ContendedError, "firestore_moved_on"),
    ("a document that is gone is read again", 404, "NOT_FOUND",
     ContendedError, "firestore_moved_on"),
    ("a document that moved on is read again", 400, "FAILED_PRECONDITION",
     ContendedError, "firestore_moved_on"),
    ("a lost race is read again", 409, "ABORTED", ContendedError, "firestore_moved_on"),
    ("a value that no document holds is parked", 400, "INVALID_ARGUMENT",
     PermanentError, "firestore_invalid_argument"),
    ("a used up quota is waited for", 429, "RESOURCE_EXHAUSTED",
     TransientError, "firestore_quota"),
    ("missing rights are our mistake", 403, "PERMISSION_DENIED",
     TransientError, "firestore_denied"),
    ("missing credentials are our mistake", 401, "UNAUTHENTICATED",
     TransientError, "firestore_denied"),
    ("a call that ran out of time is tried again", 504, "DEADLINE_EXCEEDED",
     TransientError, "firestore_unreachable"),
    ("a service that is away is waited for", 503, "UNAVAILABLE",
     TransientError, "firestore_unreachable"),
    ("a failing service is waited for", 500, "INTERNAL",
     TransientError, "firestore_unreachable"),
    ("a status that nobody knows is waited for", 400, "PLANTEDSECRET",
     TransientError, "firestore_unreachable"),
]  # fmt: skip
CALLS: dict[str, Callable[[Firestore], object]] = {
    "read": lambda documents: documents.read(["c/a"]),
    "page": lambda documents: documents.page("c", None, 9, ["n"]),
    "below": lambda documents: documents.below("c/a"),
    "count": lambda documents: documents.count("c"),
    "commit": lambda documents: documents.commit([Write("c/a", None)]),
}


@contextmanager
def firestore(url: str, monkeypatch: pytest.MonkeyPatch) -> Generator[Firestore]:
    """Lend the real client, to be closed."""
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", url.removeprefix("http://"))
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "demo-test")
    client = Firestore()
    yield client
    client.close()


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    ("status", "word", "kind", "code"), [r[1:] for r in FIRESTORE], ids=[r[0] for r in FIRESTORE]
)
def test_of_firestore(
    answering: Answers,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    call: str,
    status: int,
    word: str,
    kind: type[SyncError],
    code: str,
) -> None:
    """
    What yields a stream of results says it in a list, and once begun, with status 200. Only a write
    can meet a document that moved on: to a look the same words say that there is no such database.
    """
    if call != "commit" and kind is ContendedError:
        kind = TransientError
        missing = word in {"NOT_FOUND", "FAILED_PRECONDITION"}
        code = "firestore_misconfigured" if missing else "firestore_unreachable"
    error = {"error": {"code": status, "message": PLANTED, "status": word}}
    for sent, body in ((status, error), (status, [error]), (200, [{"found": {}}, error])):
        url = answering(sent, body)
        with firestore(url, monkeypatch) as client, becomes(kind, code, caplog):
            CALLS[call](client)


BARE: list[tuple[int, type[SyncError], str]] = [
    (400, TransientError, "firestore_unreachable"),  # not Firestore's word: nothing is parked
    (401, TransientError, "firestore_denied"),
    (403, TransientError, "firestore_denied"),
    (404, TransientError, "firestore_unreachable"),
    (409, ContendedError, "firestore_moved_on"),
    (429, TransientError, "firestore_quota"),
    (502, TransientError, "firestore_unreachable"),
    (0, TransientError, "firestore_unreachable"),  # the connection ends without an answer
]


@pytest.mark.parametrize("body", [f"<html>{PLANTED}", "", f'{{"error": "{PLANTED}"}}', "[]", "7"])
@pytest.mark.parametrize(("status", "kind", "code"), BARE)
def test_of_firestore_what_a_gateway_answers_is_known_by_its_status(
    answering: Answers,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    body: str,
    status: int,
    kind: type[SyncError],
    code: str,
) -> None:
    url = answering(status, body)
    with firestore(url, monkeypatch) as client, becomes(kind, code, caplog):
        client.commit([Write("c/a", None)])


NAME = "projects/demo-test/databases/(default)/documents/c/a"
TIME = "2026-01-02T03:04:05.123456Z"


def found(value: object = None, **more: object) -> list[dict[str, Any]]:
    fields = {"n": {"stringValue": PLANTED} if value is None else value}
    return [{"found": {"name": NAME, "fields": fields, "updateTime": TIME} | more}]


UNREADABLE: list[object] = [
    "", "<html>", "7", "null", "{}", "[]", "[null]", "[[]]", "[{}]", "9" * 5000, "[" * 5000,
    "[" * 5000 + "]" * 5000, '[{"found": {"name"',
    [{"found": PLANTED}], [{"missing": NAME}], [{"missing": [NAME], "readTime": TIME}],
    [{"missing": NAME, "readTime": PLANTED}], [{"missing": PLANTED, "readTime": TIME}],
    found(name=PLANTED), found(name=7), found(fields=[PLANTED]), found(updateTime=None),
    found(updateTime="2026-01-02T03:04:05"),
    *(found(value) for value in (
        PLANTED, [], {}, {"stringValue": "a", "integerValue": "1"},
        {"integerValue": PLANTED}, {"integerValue": "9" * 5000}, {"doubleValue": PLANTED},
        {"doubleValue": 10**400}, {"timestampValue": PLANTED}, {"timestampValue": 7},
        {"timestampValue": "2026-01-02T03:04:05"}, {"bytesValue": "A"}, {"arrayValue": PLANTED},
        {"arrayValue": {"values": [PLANTED]}}, {"mapValue": {"fields": PLANTED}},
    )),
]  # fmt: skip


@pytest.mark.parametrize(
    ("call", "body"),
    [
        *(("read", body) for body in UNREADABLE),
        ("page", [{"document": {"name": NAME}}]),
        ("page", [{"document": {"name": PLANTED, "updateTime": TIME}}]),
        ("page", {"document": PLANTED}),
        *(("below", body) for body in ([PLANTED], [{}], [], {}, {"readTime": TIME}, None)),
        ("count", [{"result": {"aggregateFields": {"other": {"integerValue": "1"}}}}]),
        ("count", [{"result": {"aggregateFields": {"all": {"stringValue": PLANTED}}}}]),
        ("count", []),
        *(("commit", body) for body in (PLANTED, "7", [], {}, {"commitTime": PLANTED})),
    ],
)
def test_of_firestore_an_answer_that_cannot_be_read_is_asked_for_again(
    answering: Answers,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    call: str,
    body: object,
) -> None:
    url = answering(200, body)
    with (
        firestore(url, monkeypatch) as client,
        becomes(TransientError, "firestore_answer_broken", caplog),
    ):
        CALLS[call](client)


DOCUMENT = {"document": {"name": NAME, "updateTime": TIME}, "readTime": TIME}


@pytest.mark.parametrize(
    ("call", "rows", "expected"),
    [
        ("count", [{"result": {"aggregateFields": {"all": {"integerValue": "7"}}}}], 7),
        ("below", [DOCUMENT], ["c/a"]),
    ],
)
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([{"readTime": TIME}], []),
        ([{"skippedResults": 1, "readTime": TIME}], [{"readTime": TIME, "done": True}]),
        ([], [{"done": True}]),
    ],
    ids=["progress", "more progress", "the end"],
)
def test_of_firestore_what_only_tells_of_progress_is_passed_over(
    answering: Answers,
    monkeypatch: pytest.MonkeyPatch,
    call: str,
    rows: list[Any],
    expected: object,
    before: list[Any],
    after: list[Any],
) -> None:
    with firestore(answering(200, [*before, *rows, *after]), monkeypatch) as client:
        assert CALLS[call](client) == expected


@pytest.mark.parametrize("value", ["half a character \ud800", {PLANTED: "\ud800"}])
def test_of_firestore_a_value_that_no_json_holds_is_parked(
    answering: Answers,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    value: Any,
) -> None:
    url = answering(200, {})
    with (
        firestore(url, monkeypatch) as client,
        becomes(PermanentError, "firestore_invalid_argument", caplog),
    ):
        client.commit([Write("c/a", {"n": value})])


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
    ("a lock that was not had in time is waited for", postgres.LockNotAvailable(PLANTED),
     TransientError, "core_55p03"),
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
