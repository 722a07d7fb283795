"""The embeddings provider: in memory, and the real client over the stand-in."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import httpx
import pytest

from infra.local.embeddings.server import Embeddings
from infra.local.embeddings.token_bucket import TokenBucket
from shared.errors import PermanentError, TransientError
from shared.search.embedding import embed_all
from shared.search.embeddings import MODEL, Embedder
from tests.contract.serving import served
from tests.memory.embedder import SIZE, MemoryEmbedder


@pytest.fixture(scope="module", name="provider")
def _provider() -> Generator[str]:
    embeddings = Embeddings("", TokenBucket(0), TokenBucket(0))
    with served(embeddings.handler()) as host:
        yield f"http://{host}"


@pytest.fixture(name="real")
def _real(provider: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("OPENAI_API_KEY", "a key of the tests")
    monkeypatch.setenv("OPENAI_BASE_URL", f"{provider}/v1")
    embedder = Embedder()
    yield embedder
    embedder.close()


@pytest.fixture(name="embedder", params=["memory", "real"])
def _embedder(request: pytest.FixtureRequest) -> Any:
    return MemoryEmbedder() if request.param == "memory" else request.getfixturevalue("real")


def fail(provider: str, **fault: Any) -> None:
    httpx.post(f"{provider}/__fault", json=fault, trust_env=False).raise_for_status()


def test_every_text_gets_a_vector_in_order(embedder: Any) -> None:
    one, two, again = embedder.embed(["one", "two", "one"])
    assert [len(one), len(two)] == [SIZE, SIZE]
    assert one == again
    assert one != two
    assert embedder.embed(["two"]) == [two]
    assert embedder.model == MODEL


def test_more_texts_than_one_request_takes_are_all_embedded(real: Embedder) -> None:
    vectors = real.embed([f"text {number}" for number in range(2049)])
    assert len(vectors) == 2049
    assert vectors[2048] == real.embed(["text 2048"])[0]


def test_a_rate_limit_says_when_to_come_back(real: Embedder, provider: str) -> None:
    fail(provider, status=429, retry_after=7)
    with pytest.raises(TransientError, match="embeddings_rate_limit") as raised:
        real.embed(["one"])
    assert raised.value.retry_after == 7


def test_an_empty_account_is_not_hammered(real: Embedder, provider: str) -> None:
    body = {"error": {"code": "insufficient_quota", "message": "x", "type": "insufficient_quota"}}
    fail(provider, status=429, body=body)
    with pytest.raises(TransientError, match="embeddings_quota") as raised:
        real.embed(["one"])
    assert (raised.value.retry_after or 0) >= 600


@pytest.mark.parametrize(
    ("status", "code"),
    [(500, "embeddings_http_500"), (401, "embeddings_http_401"), (0, "embeddings_unreachable")],
)
def test_a_failure_of_the_provider_is_tried_again(
    real: Embedder, provider: str, status: int, code: str
) -> None:
    fail(provider, status=status)
    with pytest.raises(TransientError, match=code):
        real.embed(["one"])


def test_a_text_that_the_provider_refuses_is_refused_for_good(real: Embedder) -> None:
    with pytest.raises(PermanentError, match="embeddings_refused_input"):
        real.embed([" ".join(["word"] * 20_000)])


def test_requests_are_as_full_as_the_provider_counts_them(real: Embedder, provider: str) -> None:
    httpx.delete(f"{provider}/__stats", trust_env=False).raise_for_status()
    chunk = "Take one tablet after food in the morning and at night, for five days. " * 16
    found = embed_all([f"{number} {chunk}" for number in range(3000)], real)
    assert all(isinstance(vector, list) for vector in found)
    stats = httpx.get(f"{provider}/__stats", trust_env=False).json()
    assert stats["rejected"] == 0
    assert stats["largest_tokens"] > 0.95 * 300_000


def test_a_request_that_the_provider_finds_too_large_is_made_in_parts(
    real: Embedder, provider: str
) -> None:
    """Its count may be far above the guess: here every byte is a token."""
    body = {"error": {"code": "max_tokens_per_request", "message": "x"}}
    fail(provider, status=400, body=body)
    before = real.tokens("one two three four")
    assert all(isinstance(v, list) for v in embed_all(["one", "two", "three"], real))
    assert real.tokens("one two three four") >= before
