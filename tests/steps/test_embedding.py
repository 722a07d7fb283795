"""Many texts: full requests, one end when told to wait, the culprit alone when refused."""

from __future__ import annotations

import pytest

from shared.errors import PermanentError, SyncError, TransientError
from shared.search.embedding import embed_all


class Provider:
    """Answers up to a number of requests; refuses the poisoned texts."""

    model = "model"

    def __init__(self, poison: set[str] | None = None, answers: int = 10_000) -> None:
        self.requests: list[list[str]] = []
        self._poison, self._answers = poison or set[str](), answers

    def tokens(self, text: str) -> int:
        return len(text)

    def embed(self, texts: list[str]) -> list[list[float]]:
        self.requests.append(texts)
        if len(self.requests) > self._answers:
            raise TransientError("embeddings_rate_limit", retry_after=3)
        if self._poison & set(texts):
            raise PermanentError("embeddings_refused_input")
        return [[float(text)] for text in texts]


def test_nothing_to_embed_asks_nothing() -> None:
    provider = Provider()
    assert embed_all([], provider) == []
    assert provider.requests == []


def test_requests_are_full_and_answers_in_order() -> None:
    provider = Provider()
    texts = [str(number) for number in range(5000)]
    assert embed_all(texts, provider) == [[float(number)] for number in range(5000)]
    assert [len(request) for request in provider.requests] == [2048, 2048, 904]


@pytest.mark.parametrize("answers", [0, 1, 2])
def test_told_to_wait_it_asks_no_further_and_keeps_what_it_has(answers: int) -> None:
    provider = Provider(answers=answers)
    found = embed_all([str(number) for number in range(5000)], provider)
    assert len(provider.requests) == answers + 1
    kept = [vector for vector in found if not isinstance(vector, SyncError)]
    assert kept == [[float(number)] for number in range(answers * 2048)]
    waits = [e for e in found if isinstance(e, TransientError)]
    assert len(kept) + len(waits) == 5000
    assert {e.retry_after for e in waits} == {3}


def test_refused_texts_are_found_alone() -> None:
    texts = [str(number) for number in range(1000)]
    found = embed_all(texts, Provider({"7", "500", "999"}))
    refused = [number for number, vector in enumerate(found) if isinstance(vector, PermanentError)]
    assert refused == [7, 500, 999]
    assert all(found[n] == [float(n)] for n in range(1000) if n not in refused)
