"""Embedding requests are filled to the provider's limits and never beyond."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.search.embedding_batches import MAX_INPUTS, MAX_TOKENS, fill_requests

quick = settings(deadline=None, max_examples=100)


@quick
@given(st.lists(st.integers(1, 50)), st.integers(1, 7), st.integers(50, 120))
def test_every_input_goes_out_once_in_order_within_the_limits(
    sizes: list[int], max_inputs: int, max_tokens: int
) -> None:
    requests = fill_requests(sizes, max_inputs=max_inputs, max_tokens=max_tokens)

    assert [index for request in requests for index in request] == list(range(len(sizes)))
    assert all(1 <= len(request) <= max_inputs for request in requests)
    assert all(sum(sizes[i] for i in request) <= max_tokens for request in requests)


@quick
@given(st.lists(st.integers(1, 8192), min_size=1, max_size=12).map(lambda sizes: sizes * 300))
def test_bulk_requests_are_at_least_95_percent_full(sizes: list[int]) -> None:
    *full, _ = fill_requests(sizes)

    assert all(
        len(request) == MAX_INPUTS or sum(sizes[i] for i in request) >= 0.95 * MAX_TOKENS
        for request in full
    )


def test_the_provider_limits_are_met_exactly() -> None:
    assert [len(r) for r in fill_requests([1] * (MAX_INPUTS + 1))] == [MAX_INPUTS, 1]
    assert fill_requests([MAX_TOKENS, 1]) == [[0], [1]]


def test_nothing_to_embed_is_no_request() -> None:
    assert fill_requests([]) == []


@pytest.mark.parametrize("size", [0, -1, MAX_TOKENS + 1])
def test_an_input_no_request_can_hold_is_refused_by_position(size: int) -> None:
    with pytest.raises(ValueError, match=r"input 1: .* 1\.\.300000"):
        fill_requests([5, size])
