"""
How many tokens texts have, learned from what the provider counts.

Requests are to be full, and the real tokenizer is a table of a hundred thousand entries that a
function had to download or carry. A chunk's UTF-8 bytes bound its tokens, but English has a quarter
of them; requests filled to that bound are a quarter full. So texts are weighed by script, and the
weight is corrected by each answer's own count. A guess that was too small does no harm: the request
is refused unbilled, and made again in halves.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

_ASCII, _OTHER = 0.25, 0.45  # tokens per byte: English prose; scripts of three bytes a character
_FIRST = 1.25  # before anything was counted: tables and digits have more than prose
_MARGIN = 1.01  # texts differ; a request of hundreds hardly differs from the one before
_KEPT = 8  # answers; the greatest of their corrections is used


class TokenScale:
    """Weighs texts for one model."""

    def __init__(self) -> None:
        self._seen: deque[float] = deque(maxlen=_KEPT)

    def tokens(self, text: str) -> int:
        """Return about how many tokens a text has, never more than it has bytes."""
        scale = max(self._seen) * _MARGIN if self._seen else _FIRST
        size = len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
        return max(min(size, round(_weight(text, size) * scale)), 1)

    def learn(self, texts: Sequence[str], counted: int) -> None:
        """Take in how many tokens the provider has counted in texts it was sent together."""
        weights = sum(_weight(text, len(text.encode("utf-8", "surrogatepass"))) for text in texts)
        if weights and counted > 0:
            self._seen.append(counted / weights)

    def refused(self) -> None:
        """Take in that a request held more tokens than it should have."""
        self._seen.append((max(self._seen) if self._seen else _FIRST) * 1.1)


def _weight(text: str, size: int) -> float:
    if size == len(text):
        return size * _ASCII
    plain = len(text.encode("ascii", "ignore"))
    return plain * _ASCII + (size - plain) * _OTHER
