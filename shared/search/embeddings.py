"""
The embeddings provider, through the OpenAI client.

Requests are filled to the provider's limits (2,048 inputs, 300,000 tokens). The client's own
retries are off: a rate limit becomes a TransientError carrying Retry-After, and Pub/Sub waits.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import openai

from shared import settings
from shared.errors import PermanentError, TransientError
from shared.observability import tracing
from shared.search.embedding_batches import fill_requests
from shared.search.token_scale import TokenScale

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

MODEL = "text-embedding-3-small"
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
        self._client = openai.OpenAI(
            api_key=settings.required("OPENAI_API_KEY"),
            base_url=settings.optional("OPENAI_BASE_URL", "") or None,
            max_retries=0,
            timeout=_TIMEOUT_S,
        )

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
                with tracing.call("embeddings", "embeddings", self.model), translated():
                    answer = self._client.embeddings.create(model=self.model, input=inputs)
            except PermanentError as refusal:
                if refusal.code == "embeddings_request_too_large":
                    self._scale.refused()
                raise
            self._scale.learn(inputs, answer.usage.total_tokens)
            if len(answer.data) != len(request):
                raise TransientError("embeddings_count_mismatch")
            for item in answer.data:
                vectors[request[item.index]] = item.embedding
        return vectors


@contextmanager
def translated() -> Generator[None]:
    """Turn the client's errors into ours; their messages may quote the input."""
    try:
        yield
    except openai.RateLimitError as error:
        if error.code == "insufficient_quota":  # never heals by itself: not to be hammered
            raise TransientError("embeddings_quota", retry_after=3600) from None
        raise TransientError("embeddings_rate_limit", retry_after=_retry_after(error)) from None
    except (openai.BadRequestError, openai.UnprocessableEntityError) as error:
        if error.code == "max_tokens_per_request":
            raise PermanentError("embeddings_request_too_large") from None
        raise PermanentError("embeddings_refused_input") from None
    except openai.APIStatusError as error:
        raise TransientError(f"embeddings_http_{error.status_code}") from None
    except (openai.APIError, ValueError):  # ValueError: an answer without data
        raise TransientError("embeddings_unreachable") from None


def _retry_after(error: openai.RateLimitError) -> float | None:
    try:
        return float(error.response.headers.get("retry-after", ""))
    except ValueError:
        return None
