"""An embeddings provider in memory: the same text has the same vector, and calls are counted."""

from __future__ import annotations

import hashlib

from shared.search.chunking import estimate_tokens
from tests.memory.place import Place

SIZE = 1536  # what the column of rag_chunks holds


class MemoryEmbedder(Place):
    """Embeds texts by their hash."""

    model = "text-embedding-3-small"

    def __init__(self) -> None:
        super().__init__()
        self.embedded: list[str] = []

    def tokens(self, text: str) -> int:
        """Return the most tokens that a text can have."""
        return estimate_tokens(text)

    def embed(self, texts: list[str]) -> list[list[float]]:
        """Return one vector per text, in order."""
        with self.effect("embedder.embed"):
            self.embedded += texts
            return [vector(text) for text in texts]


def vector(text: str) -> list[float]:
    """Return the vector of a text; few digits, so that a store returns them as they are."""
    digest = hashlib.sha256(text.encode()).digest()
    return [byte / 1000 for byte in digest] * (SIZE // len(digest))
