"""Chunks for retrieval: tables whole, sizes bounded, nothing lost."""

from __future__ import annotations

import hashlib
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.search.chunking import (
    MAX_CHARS,
    MAX_INPUT_TOKENS,
    MIN_CHARS,
    chunk_text,
    content_hash,
    estimate_tokens,
)

quick = settings(deadline=None, max_examples=100)

ROWS = "\n".join(f"Drug{n} | {n} mg | BD" for n in range(1, 31))
PIPES = f"Name | Strength | Frequency\n--- | --- | ---\n{ROWS}"
TABS = "\n".join(f"Drug{n}\t{n} mg\tBD" for n in range(1, 31))
GAPS = "\n".join(f"Drug{n}    {n} mg    twice daily" for n in range(1, 31))
LISTED = "Medications:\n\n" + "\n".join(f"{n}. Drug{n} {n} mg BD" for n in range(1, 31))
PROSE = " ".join(f"The patient was seen on visit {n} and felt better." for n in range(1, 60))

any_text = st.text(st.characters(exclude_categories=()), max_size=400)
PARTS = (
    *(PROSE, PIPES, TABS, GAPS, LISTED, "Rx", "Advice:", "\n", "\n\n", "   ", "\t", "a | b", "1. "),
    *("x" * 300, "परीक्षण सामान्य है। " * 20, "👩\u200d⚕️" * 90, "\ud83d\ude00" * 70, "Dr. Rao. "),
)
page = st.lists(st.sampled_from(PARTS) | any_text, max_size=8).map("".join)


HOSTILE = (
    *("x" * 100_000, "a" + " " * 100_000 + "b", "." * 100_000, ". " * 50_000, "|" * 100_000),
    *("a  " * 33_000, "#" * 100_000, "Rx: \n" * 20_000, "a" + "\u0301" * 100_000, "a|b\n" * 25_000),
)


def ink(text: str) -> str:
    return "".join(text.split())


@pytest.mark.parametrize(
    "table", [PIPES, TABS, GAPS, LISTED], ids=["pipes", "tabs", "gaps", "listed"]
)
def test_a_medication_table_is_never_split(table: str) -> None:
    chunks = chunk_text(f"{PROSE}\n\n{table}\n\n{PROSE}", max_chars=400)

    assert len(table) > 400
    assert table in chunks


def test_a_small_table_may_share_its_chunk_with_the_text_around_it() -> None:
    assert chunk_text("Seen today.\n\na | b\nc | d\n\nRest.") == [
        "Seen today.\n\na | b\nc | d\n\nRest."
    ]


def test_a_listed_table_ends_at_the_next_heading() -> None:
    text = f"{LISTED}\nAdvice:\n{PROSE}"

    assert chunk_text(text, max_chars=300)[0] == LISTED


def test_a_table_beyond_the_bound_is_split_at_rows_under_its_header() -> None:
    header = "Name | Strength | Frequency\n--- | --- | ---"
    rows = [f"Drug{n} | {n} mg | twice daily" for n in range(1, 1001)]

    chunks = chunk_text("\n".join([header, *rows]))

    assert len(chunks) > 1
    assert all(chunk.startswith(header) for chunk in chunks)
    assert [row for chunk in chunks for row in chunk.splitlines()[2:]] == rows
    assert all(estimate_tokens(chunk) <= MAX_INPUT_TOKENS for chunk in chunks)


def test_the_heading_and_column_titles_are_repeated_with_listed_rows() -> None:
    header = "Medications:\nName  Strength  Frequency"
    rows = [f"Drug{n}  {n} mg  twice daily" for n in range(1, 1001)]

    chunks = chunk_text("\n".join([header, *rows]))

    assert len(chunks) > 1
    assert all(chunk.startswith(f"{header}\nDrug") for chunk in chunks)


@pytest.mark.parametrize("blank_lines", [1, 10_000])
def test_blank_lines_below_the_heading_do_not_part_it_from_its_rows(blank_lines: int) -> None:
    rows = [f"Drug{n} {n} mg twice daily" for n in range(1, 1001)]

    chunks = chunk_text("\n".join(["Medications:", *[""] * blank_lines, *rows]))

    assert len(chunks) > 1
    assert all(chunk == chunk.strip() for chunk in chunks)
    assert all(chunk.splitlines()[0] == "Medications:" for chunk in chunks)
    assert [row for chunk in chunks for row in chunk.split("\n")[1:] if row] == rows


def test_a_repeated_header_counts_toward_the_bound() -> None:
    chunks = chunk_text("A | B\n" + "a|b\n" * 5000)

    assert len(chunks) > 1
    assert all(MAX_INPUT_TOKENS - 10 <= estimate_tokens(c) <= MAX_INPUT_TOKENS for c in chunks[:-1])


def test_a_first_line_too_long_for_titles_is_not_repeated() -> None:
    titles = f"Name | {'x' * 2000}"

    chunks = chunk_text("\n".join([titles, *(f"Drug{n} | {n} mg" for n in range(2000))]))

    assert len(chunks) > 1
    assert sum(titles in chunk for chunk in chunks) == 1


@pytest.mark.parametrize(
    "text",
    [
        "a | b and so on " * 200,
        f"Medications:\n{PROSE}",
        "\n".join(["Seen today.  Felt better."] * 80),
        "Medications:\n\n",
    ],
    ids=["one line", "prose below a heading", "one gap", "heading alone"],
)
def test_what_only_looks_like_a_table_is_prose(text: str) -> None:
    assert all(len(chunk) <= 200 for chunk in chunk_text(text, max_chars=200))


def test_a_first_row_is_not_taken_for_column_titles() -> None:
    rows = [f"Drug{n} | {n} mg | twice daily" for n in range(1, 1001)]

    chunks = chunk_text("\n".join(rows))

    assert [row for chunk in chunks for row in chunk.splitlines()] == rows


def test_a_row_beyond_the_bound_is_cut_like_prose() -> None:
    text = f"Name | Note\nA | short\nB | {PROSE * 4}\nC | short"

    chunks = chunk_text(text)

    assert len(PROSE * 4) > MAX_INPUT_TOKENS
    assert all(estimate_tokens(chunk) <= MAX_INPUT_TOKENS for chunk in chunks)
    assert chunks[-1] == "Name | Note\nC | short"


def test_paragraphs_stay_whole_and_share_chunks() -> None:
    paragraphs = [f"Paragraph {n} is about forty characters long." for n in range(20)]

    chunks = chunk_text("\n\n".join(paragraphs), max_chars=100)

    assert chunks == ["\n\n".join(paragraphs[n : n + 2]) for n in range(0, 20, 2)]


def test_a_long_paragraph_is_cut_between_sentences() -> None:
    chunks = chunk_text(PROSE, max_chars=200)

    assert len(chunks) > 1
    assert all(chunk.startswith("The patient") and chunk.endswith(".") for chunk in chunks)


def test_an_abbreviation_does_not_end_a_sentence() -> None:
    text = f"{'Seen by the team. ' * 3}Take Tab. Ibuprofen as told by Dr. Rao and nobody else."

    assert chunk_text(text, max_chars=64)[-1].startswith("Take Tab. Ibuprofen as told by Dr. Rao")


def test_a_long_sentence_is_cut_at_white_space() -> None:
    words = [f"word{n}" for n in range(200)]

    chunks = chunk_text(" ".join(words), max_chars=64)

    assert [word for chunk in chunks for word in chunk.split()] == words


@pytest.mark.parametrize(
    "unit",
    ["e\u0301\u0316", "क्षि", "\ud83d\ude00", "👩\u200d⚕\ufe0f", "👍🏽"],
    ids=["accents", "conjunct", "surrogates", "joined emoji", "skin tone"],
)
def test_a_cut_parts_no_combining_sequence(unit: str) -> None:
    for size in range(64, 70):
        chunks = chunk_text(unit * 500, max_chars=size)

        assert len(chunks) > 1
        assert all(len(chunk) % len(unit) == 0 for chunk in chunks)


def test_a_sequence_longer_than_a_chunk_is_cut_all_the_same() -> None:
    chunks = chunk_text("a" + "\u0301" * 500, max_chars=64)

    assert max(map(len, chunks)) == 64


@pytest.mark.parametrize("blank", ["", " ", "\n\n\t \r\n", "\u2028\u00a0"])
def test_a_blank_text_has_no_chunk(blank: str) -> None:
    assert chunk_text(blank) == []


@pytest.mark.parametrize("size", [MIN_CHARS - 1, MAX_CHARS + 1, 0, -5])
def test_a_size_that_cannot_be_kept_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match=r"max_chars must lie in 64\.\.2048"):
        chunk_text("text", max_chars=size)


def test_the_largest_chunk_holds_the_bound_in_any_script() -> None:
    chunks = chunk_text("\U00010348" * 5000, max_chars=MAX_CHARS)

    assert max(map(estimate_tokens, chunks)) == MAX_INPUT_TOKENS


@quick
@given(page, st.integers(MIN_CHARS, MAX_CHARS))
def test_no_chunk_is_empty_or_too_large_and_no_ink_is_lost(text: str, size: int) -> None:
    chunks = chunk_text(text, max_chars=size)

    assert all(chunk and chunk == chunk.strip() for chunk in chunks)
    assert all(estimate_tokens(chunk) <= MAX_INPUT_TOKENS for chunk in chunks)
    left = iter("".join(chunks))
    assert all(character in left for character in ink(text))  # in order; headers may repeat


@quick
@given(st.text(st.sampled_from("ab.  \n\u0301é\u094d"), max_size=600), st.integers(64, 128))
def test_prose_is_neither_lost_nor_repeated(text: str, size: int) -> None:
    chunks = chunk_text(text, max_chars=size)

    assert ink("".join(chunks)) == ink(text)
    assert all(len(chunk) <= size for chunk in chunks if "  " not in chunk)


@quick
@given(page)
def test_the_same_text_gives_the_same_chunks(text: str) -> None:
    assert chunk_text(text) == chunk_text(text)


@quick
@given(any_text)
def test_a_text_has_no_more_tokens_than_estimated(text: str) -> None:
    assert estimate_tokens(text) >= len(text)
    assert estimate_tokens(text) == sum(len(c.encode("utf-8", "surrogatepass")) for c in text)


def test_equal_text_has_an_equal_hash_and_any_text_has_one() -> None:
    assert content_hash("abc") == hashlib.sha256(b"abc").hexdigest()
    assert content_hash("é") != content_hash(unicodedata.normalize("NFD", "é"))
    assert len(content_hash("\ud800")) == 64


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: f"{text[:5]!a}")
def test_a_hostile_text_is_chunked_within_the_bound(text: str) -> None:
    assert all(0 < estimate_tokens(chunk) <= MAX_INPUT_TOKENS for chunk in chunk_text(text))
