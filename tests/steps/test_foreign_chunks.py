"""The edge function's chunks count when they are the whole text as it is now."""

from __future__ import annotations

import random

import pytest

from shared.search.foreign_chunks import ForeignChunk, cover

TEXT = "Demoxil 500 mg twice daily. Testamol at night.\n\nDrink water, rest for two days."


def covers(*pieces: str | None, text: str = TEXT, model: str | None = None) -> bool:
    return cover(text, [ForeignChunk(piece, model) for piece in pieces], "ours")


@pytest.mark.parametrize("size", [1, 7, 20, 500])
@pytest.mark.parametrize("overlap", [0, 3])
def test_slices_of_any_size_and_overlap_in_any_order_cover_the_text(
    size: int, overlap: int
) -> None:
    pieces = [TEXT[at : at + size + overlap] for at in range(0, len(TEXT), size)]
    random.Random(1).shuffle(pieces)
    assert covers(*pieces)


@pytest.mark.parametrize("missing", range(5))
def test_without_any_one_piece_the_text_is_not_covered(missing: int) -> None:
    pieces = [TEXT[at : at + 17] for at in range(0, len(TEXT), 17)]
    assert len(pieces) == 5
    assert not covers(*pieces[:missing], *pieces[missing + 1 :])


def test_white_space_does_not_matter() -> None:
    assert covers(TEXT.replace("\n\n", " "))


def test_a_piece_of_an_earlier_text_spoils_it() -> None:
    assert not covers(TEXT, "Samplostat 5 mg")


def test_a_chunk_of_another_patient_or_model_spoils_it() -> None:
    assert not covers(TEXT, None)
    assert not covers(TEXT, model="theirs")
    assert covers(TEXT, model="ours")


def test_no_chunks_cover_nothing() -> None:
    assert not covers()
    assert not covers(text="")


def test_for_a_document_without_text_whatever_is_there_counts() -> None:
    assert covers("read from the picture", text=" ")
