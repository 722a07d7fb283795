"""
The embeddings provider: OpenAI's API, or one that speaks as it does.

Requests are filled to the provider's limits (2,048 inputs, 300,000 tokens). Nothing is asked again
here: a rate limit becomes a TransientError carrying Retry-After, and Pub/Sub waits.

Not through the openai package: importing it takes 0.3 s and 22 MB of a cold start. What is sent is
what it sends; a contract test sends both to one server and compares (docs/decisions/0120).
"""

from __future__ import annotations

import time
from array import array
from base64 import b64decode
from typing import TYPE_CHECKING, Any

from shared import settings
from shared.errors import PermanentError, SyncError, TransientError
from shared.json_http import Answer, JsonHttp
from shared.observability import tracing
from shared.search.embedding_batches import fill_requests
from shared.search.token_scale import TokenScale

if TYPE_CHECKING:
    from collections.abc import Callable

MODEL = "text-embedding-3-small"
_OPENAI = "https://api.openai.com/v1"
_TIMEOUT_S = 30.0
_PAUSE_S = 1.0  # when the provider names no time
_LONGEST_PAUSE_S = 60.0  # a quota that was raised is noticed soon


class Embedder:
    """Embeds texts with one model. Raises PermanentError for an input or a request it refuses."""

    model = MODEL

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._closed_until = 0.0
        self._scale = TokenScale()
        key = settings.key("OPENAI_API_KEY")
        headers = {
            "Authorization": f"Bearer {key}",
            "Content-Type": "application/json",
            "Accept": "application/json",
        }
        url = settings.optional("OPENAI_BASE_URL", _OPENAI)
        self._http = JsonHttp("embeddings", url, headers, _TIMEOUT_S)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def tokens(self, text: str) -> int:
        """Return about how many tokens a text has, by what the provider counted so far."""
        return self._scale.tokens(text)

    def embed(self, texts: list[str]) -> list[list[float]]:
        """
        Return one vector per text, in order.

        After a refusal for rate or quota this process does not ask again before the time that the
        provider named: refused requests count against the limit too.
        """
        if (left := self._closed_until - self._clock()) > 0:
            raise TransientError("embeddings_rate_limit", retry_after=left)
        try:
            return self._embed(texts)
        except TransientError as error:
            if error.code in {"embeddings_rate_limit", "embeddings_quota"}:
                pause = min(error.retry_after or _PAUSE_S, _LONGEST_PAUSE_S)
                self._closed_until = self._clock() + pause
            raise

    def _embed(self, texts: list[str]) -> list[list[float]]:
        vectors: list[list[float]] = [[] for _ in texts]
        for request in fill_requests([self.tokens(text) for text in texts]):
            inputs = [texts[position] for position in request]
            try:
                with tracing.call("embeddings", "embeddings", self.model):
                    tokens, found = self._ask(inputs)
            except PermanentError as refusal:
                if refusal.code == "embeddings_request_too_large":
                    self._scale.refused()
                raise
            self._scale.learn(inputs, tokens)
            for position, vector in zip(request, found, strict=True):
                vectors[position] = vector
        return vectors

    def _ask(self, inputs: list[str]) -> tuple[int, list[list[float]]]:
        """Return how many tokens one request had, and a vector per input, in order."""
        asked = {"model": self.model, "input": inputs, "encoding_format": "base64"}
        try:
            answer = self._http.send("POST", "/embeddings", asked)
        except (ValueError, RecursionError):  # half a character
            raise PermanentError("embeddings_refused_input") from None
        if not answer.ok:
            raise _refusal(answer)
        try:
            said = answer.json()
            found = {item["index"]: _vector(item["embedding"]) for item in said["data"]}
            tokens = int(said["usage"]["total_tokens"])
        except (ValueError, TypeError, LookupError, RecursionError):
            raise TransientError("embeddings_unreachable") from None
        if found.keys() != set(range(len(inputs))):
            raise TransientError("embeddings_count_mismatch")
        return tokens, [found[index] for index in range(len(inputs))]


def _vector(given: Any) -> list[float]:
    """Return a vector: four bytes a number in base64, or numbers from who knows no base64."""
    if isinstance(given, str):
        return array("f", b64decode(given)).tolist()
    return [float(number) for number in given]


def _refusal(answer: Answer) -> SyncError:
    """Turn the provider's refusals into ours; their messages may quote the input."""
    said = answer.said() or {}
    error = said.get("error", said)
    code = error.get("code") if isinstance(error, dict) else None
    if answer.status == 429:
        if code == "insufficient_quota":  # never heals by itself: not to be hammered
            return TransientError("embeddings_quota", retry_after=3600)
        return TransientError("embeddings_rate_limit", retry_after=_retry_after(answer))
    if answer.status in {400, 422}:
        if code == "max_tokens_per_request":
            return PermanentError("embeddings_request_too_large")
        return PermanentError("embeddings_refused_input")
    return TransientError(f"embeddings_http_{answer.status}")


def _retry_after(answer: Answer) -> float | None:
    try:
        return float(answer.headers.get("retry-after", ""))
    except ValueError:
        return None
