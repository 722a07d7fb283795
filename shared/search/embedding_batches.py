"""Fills embedding requests up to the provider's limits, so that bulk takes few requests.

OpenAI accepts at most 2,048 inputs and 300,000 tokens, summed over all inputs, in one embeddings
request. With chunks of at most 8,192 tokens a request that another chunk would overflow is at least
97 % full, so filling in order loses nothing worth sorting for, and answers keep their order.
"""

from __future__ import annotations

from collections.abc import Sequence

MAX_INPUTS = 2048
MAX_TOKENS = 300_000


def fill_requests(
    sizes: Sequence[int], *, max_inputs: int = MAX_INPUTS, max_tokens: int = MAX_TOKENS
) -> list[list[int]]:
    """Group inputs of these token sizes into requests; each is a list of indexes, in order.

    Raises:
        ValueError: a size is below 1 (an empty input is refused) or above what a request may hold.
    """
    requests: list[list[int]] = []
    tokens = max_tokens
    for index, size in enumerate(sizes):
        if not 1 <= size <= max_tokens:
            raise ValueError(f"input {index}: its size must lie in 1..{max_tokens} tokens")
        if tokens + size > max_tokens or len(requests[-1]) >= max_inputs:
            requests.append([])
            tokens = 0
        requests[-1].append(index)
        tokens += size
    return requests
