"""Every error that the embeddings provider is known to answer with: what the sync makes of it."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import pytest

from shared.errors import PermanentError, SettingMissingError, SyncError, TransientError
from shared.search.embeddings import Embedder
from tests.steps.vendors import PLANTED, Answers, becomes


@contextmanager
def embedder(url: str, monkeypatch: pytest.MonkeyPatch) -> Generator[Embedder]:
    """Lend the real client, to be closed."""
    monkeypatch.setenv("OPENAI_API_KEY", "key")
    monkeypatch.setenv("OPENAI_BASE_URL", f"{url}/v1")
    client = Embedder()
    yield client
    client.close()


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


def test_of_an_embeddings_key_that_no_request_can_carry_no_document_is_parked(
    answering: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", answering(200, {}))
    monkeypatch.setenv("OPENAI_API_KEY", "planted\u200b")
    with pytest.raises(SettingMissingError, match="OPENAI_API_KEY"):
        Embedder().embed(["any"])


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


@pytest.mark.parametrize("indices", [[], [0], [0, 0], [0, 2], [0, 1, 2]])
def test_of_an_embeddings_answer_with_vectors_of_other_texts_is_tried_again(
    answering: Answers,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    indices: list[int],
) -> None:
    data = [{"index": index, "embedding": [0.5]} for index in indices]
    url = answering(200, {"data": data, "usage": {"total_tokens": 2}})
    expected = becomes(TransientError, "embeddings_count_mismatch", caplog)
    with embedder(url, monkeypatch) as client, expected:
        client.embed([PLANTED, "two"])
