"""Texts are weighed as the provider counts them, and never above their bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.search.chunking import estimate_tokens
from shared.search.embedding_batches import MAX_TOKENS, fill_requests
from shared.search.token_scale import TokenScale

ENGLISH = "Take one tablet after food in the morning and at night. " * 20
HINDI = "सुबह और रात को भोजन के बाद एक गोली लें। " * 20


@given(st.text(), st.integers(1, 10**9))
def test_no_text_weighs_more_than_its_bytes_or_nothing(text: str, counted: int) -> None:
    scale = TokenScale()
    scale.learn(["some text"], counted)
    assert 1 <= scale.tokens(text) <= max(estimate_tokens(text), 1)


@pytest.mark.parametrize("per_byte", [0.15, 0.25, 0.4])
@pytest.mark.parametrize("text", [ENGLISH, HINDI])
def test_after_one_answer_requests_are_full_and_within_the_limit(
    text: str, per_byte: float
) -> None:
    real = int(estimate_tokens(text) * per_byte)
    scale = TokenScale()
    scale.learn([text] * 10, real * 10)
    full, *_ = fill_requests([scale.tokens(text)] * 2000)
    assert 0.95 <= len(full) * real / MAX_TOKENS <= 1


def test_a_refused_request_makes_the_next_one_smaller() -> None:
    scale = TokenScale()
    before = scale.tokens(ENGLISH)
    scale.refused()
    assert scale.tokens(ENGLISH) > before
