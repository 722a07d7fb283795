"""
Embed many texts: full requests, and a clear end when the provider refuses.

"Wait" ends it: no further request is made, what is embedded so far is kept. A refusal of the input
names no text, so the request is halved until the culprit is alone; refused requests are not billed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from shared.errors import PermanentError, SyncError, TransientError
from shared.search.embedding_batches import fill_requests

Embedded = list[float] | SyncError


class Embedder(Protocol):
    """The embeddings provider; raises PermanentError for an input it refuses."""

    @property
    def model(self) -> str: ...

    def tokens(self, text: str) -> int: ...

    def embed(self, texts: list[str]) -> list[list[float]]: ...


def embed_all(texts: Sequence[str], embedder: Embedder) -> list[Embedded]:
    """Return for each text its vector, or why it has none."""
    results: list[Embedded] = [TransientError("embeddings_not_asked") for _ in texts]
    unasked = list(range(len(texts)))
    requests: list[list[int]] = []  # halves of what was refused
    while requests or unasked:
        if not requests:  # filled one by one: each answer tells better what the next can hold
            first = fill_requests([embedder.tokens(texts[position]) for position in unasked])[0]
            requests.append([unasked[number] for number in first])
            unasked = unasked[len(first) :]
        request = requests.pop()
        try:
            vectors = embedder.embed([texts[position] for position in request])
        except PermanentError as refused:
            if len(request) == 1:
                results[request[0]] = refused
            else:
                middle = len(request) // 2
                requests += [request[middle:], request[:middle]]
        except TransientError as wait:
            for position in [p for group in [*requests, request, unasked] for p in group]:
                results[position] = wait
            break
        else:
            for position, vector in zip(request, vectors, strict=True):
                results[position] = vector
    return results
