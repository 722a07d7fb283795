"""The stand-in of OpenAI's embeddings as the `openai` client sees it."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from typing import Any

import httpx
import openai
import pytest

from infra.local.processes import free_port
from tests.contract.launcher import Launcher

MODEL = "text-embedding-3-small"
KEY = "a key of the contract tests"


@pytest.fixture(scope="session", name="url")
def _url(launcher: Launcher) -> str:
    return started(launcher)


def started(launcher: Launcher, *arguments: str) -> str:
    port = free_port()
    launcher.make("embeddings", "--port", str(port), "--api-key", KEY, *arguments).start()
    return f"http://127.0.0.1:{port}"


def connected(url: str, key: str = KEY, retries: int = 0) -> openai.OpenAI:
    return openai.OpenAI(api_key=key, base_url=f"{url}/v1", max_retries=retries, timeout=20)


@pytest.fixture(name="client")
def _client(url: str) -> Generator[openai.OpenAI]:
    with connected(url) as client:
        yield client
    for path in ("__fault", "__stats"):
        httpx.delete(f"{url}/{path}", trust_env=False).raise_for_status()


@pytest.fixture(name="embed")
def _embed(client: openai.OpenAI) -> Callable[..., list[list[float]]]:
    def embed(*texts: str, **given: Any) -> list[list[float]]:
        answer = client.embeddings.create(model=MODEL, input=list(texts), **given)
        assert [item.index for item in answer.data] == list(range(len(texts)))
        return [item.embedding for item in answer.data]

    return embed


Embed = Callable[..., list[list[float]]]


def cosine(a: list[float], b: list[float]) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True))


def stats(url: str) -> dict[str, Any]:
    return httpx.get(f"{url}/__stats", trust_env=False).json()


def fault(url: str, **given: Any) -> None:
    httpx.post(f"{url}/__fault", json=given, trust_env=False).raise_for_status()


def refusal_of(act: Callable[[], object]) -> tuple[int, str | None]:
    with pytest.raises(openai.APIStatusError) as refusal:
        act()
    return refusal.value.status_code, refusal.value.code


def test_a_vector_has_1536_dimensions_and_length_one(embed: Embed) -> None:
    for vector in embed("paracetamol 500 mg twice a day", "!!!", "日本語", "a a a a"):
        assert len(vector) == 1536
        assert math.isclose(cosine(vector, vector), 1, rel_tol=1e-5)


def test_texts_that_share_words_are_nearer_than_others(embed: Embed) -> None:
    texts = (
        "Take one tablet of amoxicillin after food",
        "amoxicillin: one TABLET, after food!",
        "The appointment is moved to Friday morning",
    )
    first, similar, other = embed(*texts)
    assert cosine(first, similar) > 0.7
    assert abs(cosine(first, other)) < 0.2


def test_the_same_text_has_the_same_vector_in_any_position_and_encoding(
    embed: Embed, client: openai.OpenAI
) -> None:
    (alone,) = embed("blood pressure 120/80")
    assert embed("first", "blood pressure 120/80")[1] == alone
    answer = client.embeddings.create(
        model=MODEL, input="blood pressure 120/80", encoding_format="float"
    )
    assert answer.data[0].embedding == alone


def test_fewer_dimensions_can_be_asked_for(embed: Embed) -> None:
    (vector,) = embed("short", dimensions=256)
    assert len(vector) == 256


def test_token_ids_are_embedded_and_counted(client: openai.OpenAI) -> None:
    answer = client.embeddings.create(model=MODEL, input=[[1, 2, 3], [4, 5]])
    assert (len(answer.data), answer.usage.total_tokens) == (2, 5)
    assert len(client.embeddings.create(model=MODEL, input=[1, 2, 3]).data) == 1


def test_tokens_are_a_quarter_of_the_bytes_rounded_up(client: openai.OpenAI) -> None:
    usage = client.embeddings.create(model=MODEL, input=["12345", "éé"]).usage
    assert (usage.prompt_tokens, usage.total_tokens) == (3, 3)


def test_the_limits_can_be_used_to_the_full(embed: Embed) -> None:
    assert len(embed(*["word"] * 2048)) == 2048
    assert len(embed("x" * 4 * 8192)) == 1
    assert len(embed(*["word " * 1600] * 150)) == 150


@pytest.mark.parametrize(
    ("given", "status", "code"),
    [
        ([], 400, None),
        ("", 400, None),
        (["a", ""], 400, None),
        ([[]], 400, None),
        (["a"] * 2049, 400, None),
        ("x" * (4 * 8192 + 1), 400, None),
        (["x" * 4 * 8000] * 38, 400, "max_tokens_per_request"),
    ],
)
def test_an_input_beyond_the_limits_is_refused(
    url: str, client: openai.OpenAI, given: Any, status: int, code: str | None
) -> None:
    refused = refusal_of(lambda: client.embeddings.create(model=MODEL, input=given))
    assert refused == (status, code)
    seen = stats(url)
    assert (seen["rejected"], seen["requests"]) == (1, 0)


def test_an_error_has_the_shape_the_client_reads(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as refusal:
        client.embeddings.create(model=MODEL, input="")
    assert (refusal.value.type, refusal.value.param) == ("invalid_request_error", "input")
    assert "input[0]" in refusal.value.message


def test_an_unknown_model_and_odd_dimensions_are_refused(client: openai.OpenAI) -> None:
    create = client.embeddings.create
    assert refusal_of(lambda: create(model="no-model", input="a")) == (404, "model_not_found")
    assert refusal_of(lambda: create(model=MODEL, input="a", dimensions=1537)) == (400, None)
    old = "text-embedding-ada-002"
    assert refusal_of(lambda: create(model=old, input="a", dimensions=512)) == (400, None)


def test_another_key_is_refused(url: str, client: openai.OpenAI) -> None:
    with connected(url, key="wrong") as stranger:
        refused = refusal_of(lambda: stranger.embeddings.create(model=MODEL, input="a"))
    assert refused == (401, "invalid_api_key")


def test_what_was_asked_for_is_counted(url: str, embed: Embed) -> None:
    embed("12345678")
    embed(*["1234"] * 1024)
    seen = stats(url)
    assert (seen["requests"], seen["inputs"], seen["tokens"]) == (2, 1025, 1026)
    assert (seen["largest_inputs"], seen["largest_tokens"], seen["rejected"]) == (1024, 1024, 0)
    assert seen["fill"] == pytest.approx((1 / 2048 + 0.5) / 2)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (429, openai.RateLimitError),
        (500, openai.InternalServerError),
        (503, openai.InternalServerError),
    ],
)
def test_a_fault_lasts_as_often_as_asked(
    url: str, client: openai.OpenAI, status: int, kind: type[Exception]
) -> None:
    fault(url, status=status, count=2)
    for _ in range(2):
        with pytest.raises(kind):
            client.embeddings.create(model=MODEL, input="a")
    assert len(client.embeddings.create(model=MODEL, input="a").data) == 1


def test_the_clients_own_retry_honours_retry_after(url: str, client: openai.OpenAI) -> None:
    fault(url, status=429, retry_after=0.01, count=2)
    with connected(url, retries=2) as patient:
        assert len(patient.embeddings.create(model=MODEL, input="a").data) == 1


def test_an_exhausted_quota_can_be_told_from_a_rate_limit(url: str, client: openai.OpenAI) -> None:
    error = {"message": "no money", "type": "insufficient_quota", "code": "insufficient_quota"}
    fault(url, status=429, body={"error": error})
    refused = refusal_of(lambda: client.embeddings.create(model=MODEL, input="a"))
    assert refused == (429, "insufficient_quota")


def test_a_slow_answer_times_out(url: str, client: openai.OpenAI) -> None:
    fault(url, delay_ms=1000, count=1)
    with pytest.raises(openai.APITimeoutError):
        client.with_options(timeout=0.1).embeddings.create(model=MODEL, input="a")


def test_a_rate_limit_refuses_what_exceeds_it_and_reports_what_is_left(
    launcher: Launcher,
) -> None:
    url = started(launcher, "--rpm", "3", "--tpm", "1000")
    with connected(url) as client:
        raw = client.embeddings.with_raw_response.create(model=MODEL, input="x" * 400)
        assert raw.headers["x-ratelimit-limit-requests"] == "3"
        assert raw.headers["x-ratelimit-remaining-requests"] == "2"
        assert 900 <= int(raw.headers["x-ratelimit-remaining-tokens"]) < 1000
        with pytest.raises(openai.RateLimitError) as refusal:
            client.embeddings.create(model=MODEL, input="x" * 4000)
        assert refusal.value.code == "rate_limit_exceeded"
        assert 1 < float(refusal.value.response.headers["retry-after"]) < 60
        client.embeddings.create(model=MODEL, input="x")
        with pytest.raises(openai.RateLimitError) as refusal:
            client.embeddings.create(model=MODEL, input="x")
        assert "RPM" in refusal.value.message
