"""Every error that Supabase is known to answer with: what the sync makes of it."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import pytest

from shared.errors import (
    ContendedError,
    PermanentError,
    SettingMissingError,
    SyncError,
    TooMuchError,
    TransientError,
)
from shared.stores.supabase import Supabase
from tests.steps.vendors import PLANTED, Answers, becomes


@contextmanager
def supabase(url: str) -> Generator[Supabase]:
    """Lend the real client, to be closed."""
    client = Supabase(url, "key")
    yield client
    client.close()


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
    ("a statement that ran too long is tried again with less", 500, "57014", TooMuchError),
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


def test_of_a_gateway_in_front_of_supabase_that_finds_a_batch_too_large_it_is_tried_with_less(
    answering: Answers, caplog: pytest.LogCaptureFixture
) -> None:
    url = answering(413, f"<html>{PLANTED}")
    with supabase(url) as client, becomes(TooMuchError, "supabase_413", caplog):
        client.call("any", {"p": PLANTED})


@pytest.mark.parametrize("status", [408, 429, 502, 503, 504])
def test_of_a_gateway_in_front_of_supabase_is_waited_for(
    answering: Answers, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    url, expected = answering(status, f"<html>{PLANTED}"), f"supabase_{status}"
    with supabase(url) as client, becomes(TransientError, expected, caplog):
        client.call("any", {"p": PLANTED})


@pytest.mark.parametrize("code", ["Planted secret", "plantéd", "p" * 51])
def test_of_supabase_a_code_that_is_none_is_not_repeated(
    answering: Answers, caplog: pytest.LogCaptureFixture, code: object
) -> None:
    url = answering(400, {"code": code, "message": PLANTED})
    with supabase(url) as client, becomes(TransientError, "supabase_unknown", caplog):
        client.call("any", {"p": PLANTED})


@pytest.mark.parametrize("value", [float("nan"), "\ud800"], ids=["nan", "half a character"])
def test_of_supabase_a_value_that_no_json_holds_parks_the_entity(
    answering: Answers, caplog: pytest.LogCaptureFixture, value: object
) -> None:
    url, expected = answering(200, []), "supabase_value_unreadable"
    with supabase(url) as client, becomes(PermanentError, expected, caplog):
        client.call("any", {"p": value})


@pytest.mark.parametrize("call", ["select", "call"])
@pytest.mark.parametrize("value", ["9" * 5000, "[" * 5000 + "]" * 5000], ids=["digits", "depth"])
def test_of_supabase_a_value_that_python_cannot_read_parks_the_entity(
    answering: Answers, caplog: pytest.LogCaptureFixture, call: str, value: str
) -> None:
    url = answering(200, f'[{{"id": "{PLANTED}", "structured_json": {value}}}]')
    with supabase(url) as client, becomes(PermanentError, "supabase_value_unreadable", caplog):
        client.select("documents", "*", ["any"]) if call == "select" else client.call("any", {})


@pytest.mark.parametrize("body", [f'[{{"id": "{PLANTED}", "structured_json"', ""])
@pytest.mark.parametrize("call", ["select", "call"])
def test_of_supabase_an_answer_that_was_cut_short_is_asked_for_again(
    answering: Answers, caplog: pytest.LogCaptureFixture, call: str, body: str
) -> None:
    url = answering(200, body)
    with supabase(url) as client, becomes(TransientError, "supabase_answer_broken", caplog):
        client.select("documents", "*", ["any"]) if call == "select" else client.call("any", {})


# As they are copied out of a page: a line break, a zero-width space, a curly quote.
@pytest.mark.parametrize("key", ["pla\nnted", "planted\u200b", "\u201cplanted"])
def test_of_supabase_a_key_that_no_request_can_carry_is_our_mistake_and_parks_nobody(
    answering: Answers, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv("SUPABASE_URL", answering(200, []))
    monkeypatch.setenv("SUPABASE_SERVICE_KEY", key)
    with pytest.raises(SettingMissingError, match="SUPABASE_SERVICE_KEY") as raised:
        Supabase().call("any", {})
    assert "lanted" not in str(raised.value)


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


RESTRICTED = "Service for this project is restricted due to the following violations"


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (402, {"message": f"{RESTRICTED}: {PLANTED}"}),
        (402, f"{RESTRICTED}: {PLANTED}"),
        (404, {"message": f"no Route matched {PLANTED}"}),
        (400, {"error": PLANTED}),
        (422, {"code": 422, "msg": PLANTED}),
    ],
    ids=["used up quota", "and as text", "wrong address", "bad request", "without a word"],
)
def test_of_a_gateway_in_front_of_supabase_auth_no_refusal_parks_anybody(
    answering: Answers, caplog: pytest.LogCaptureFixture, status: int, body: object
) -> None:
    expected = "supabase_auth_answer" if isinstance(body, str) else "supabase_unknown"
    url = answering(status, body)
    with supabase(url) as client, becomes(TransientError, expected, caplog):
        client.create_user({"email": PLANTED})


def test_of_supabase_auth_a_code_in_capitals_is_a_code(
    answering: Answers, caplog: pytest.LogCaptureFixture
) -> None:
    url = answering(401, {"code": 401, "error_code": "UNAUTHORIZED", "msg": PLANTED})
    with supabase(url) as client, becomes(TransientError, "supabase_unauthorized", caplog):
        client.create_user({"email": PLANTED})


@pytest.mark.parametrize("status", [0, 502, 503, 504])
def test_of_a_supabase_auth_that_is_away_is_waited_for(
    answering: Answers, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    url = answering(status, PLANTED)
    with supabase(url) as client, becomes(TransientError, "supabase_unreachable", caplog):
        client.create_user({"email": PLANTED})


@pytest.mark.parametrize("write", ["create_user", "delete_user"])
def test_of_supabase_auth_a_page_in_place_of_its_answer_is_tried_again(
    answering: Answers, caplog: pytest.LogCaptureFixture, write: str
) -> None:
    url = answering(200, f"<html>{PLANTED}")
    with supabase(url) as client, becomes(TransientError, "supabase_auth_answer", caplog):
        client.create_user({}) if write == "create_user" else client.delete_user("any")
