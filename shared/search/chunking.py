"""Splits a document's text into chunks for retrieval.

A medication table is one chunk, because half a table answers a question about the other half
wrongly. Prose is cut where it hurts least: between paragraphs, else between sentences or lines,
else at white space, else between two characters. Every chunk is a slice of the text, so nothing is
lost and the same text always gives the same chunks.

Sizes are bounded without a tokenizer: a byte-level BPE token covers at least one byte, so a text
has at most as many tokens as UTF-8 bytes. 8,192 is the embedding model's limit for one input.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterator

from shared.search.text_blocks import Block, Span, blocks, header_of, lines, trim

MAX_INPUT_TOKENS = 8192
MIN_CHARS, MAX_CHARS = 64, MAX_INPUT_TOKENS // 4  # a character has at most four UTF-8 bytes
_MAX_HEADER = 1024  # bytes; longer ones are no column titles, and are not repeated

# Not behind "Dr." or "Tab.": a short capitalised word with a stop is an abbreviation.
_SENTENCE_END = re.compile(r"(?<!\b[A-Z][a-z])(?<!\b[A-Z][a-z]{2})[.!?।॥][\"')\]]{0,3}\s|\n")
_INK = re.compile(r"\S")
_VIRAMA = 9  # canonical combining class: the next letter joins into the same syllable
_JOINERS = "\N{ZERO WIDTH JOINER}\N{ZERO WIDTH NON-JOINER}"


def chunk_text(text: str, *, max_chars: int = 1200) -> list[str]:
    """Split a text into chunks, in order, none of them empty.

    Args:
        text: any text; lone surrogates and control characters pass through unchanged.
        max_chars: the size of a prose chunk, 64 to 2048 characters. A table may be larger, up to
            `MAX_INPUT_TOKENS` bytes; beyond that it is split between rows, its header repeated.

    Raises:
        ValueError: max_chars is out of range.
    """
    if not MIN_CHARS <= max_chars <= MAX_CHARS:
        raise ValueError(f"max_chars must lie in {MIN_CHARS}..{MAX_CHARS}")
    chunks: list[str] = []
    chunk: Span = (0, 0)
    for header, (start, end) in _pieces(text, max_chars):
        if not header and end - chunk[0] <= max_chars and chunk[1]:
            chunk = (chunk[0], end)
            continue
        chunks.append(text[slice(*chunk)])
        chunk = (start, end)
        if header:
            chunks.append(f"{header}\n{text[start:end]}")
            chunk = (0, 0)
    chunks.append(text[slice(*chunk)])
    return [chunk for chunk in chunks if chunk]


def estimate_tokens(text: str) -> int:
    """An upper bound of the text's tokens: its UTF-8 bytes. English has about a quarter of it."""
    return len(text) if text.isascii() else len(_utf8(text))


def content_hash(text: str) -> str:
    """SHA-256 of the text, in hex: equal for a chunk whose embedding can be kept."""
    return hashlib.sha256(_utf8(text)).hexdigest()


def _utf8(text: str) -> bytes:
    """A lone surrogate has no UTF-8 form; it must not stop the count of what surrounds it."""
    return text.encode("utf-8", "surrogatepass")


def _pieces(text: str, limit: int) -> Iterator[tuple[str, Span]]:
    """What is not split further, in order, with the header to repeat in front of it."""
    for block in blocks(text):
        start, end = block.span
        if block.is_table and not _fits(text[start:end]):
            yield from _row_groups(text, block, limit)
        elif block.is_table or end - start <= limit:
            yield "", block.span
        else:
            yield from (("", span) for span in _fragments(text, start, end, limit))


def _fits(text: str) -> bool:
    return len(text) <= MAX_CHARS or estimate_tokens(text) <= MAX_INPUT_TOKENS


def _row_groups(text: str, block: Block, limit: int) -> Iterator[tuple[str, Span]]:
    """As many whole rows as fit, each group after the first under the table's header."""
    header = header_of(text, block)
    if estimate_tokens(header) > _MAX_HEADER:
        header = ""
    room = MAX_INPUT_TOKENS - estimate_tokens(header) - 1
    repeated = ""
    group: Span | None = None
    size = 0
    for start, end in lines(text, *block.span):
        if start == end:
            continue
        added = estimate_tokens(text[group[1] if group else start : end])
        if group and size + added <= room:
            group, size = (group[0], end), size + added
            continue
        if group:
            yield repeated, group
            repeated = header
        group, size = (start, end), estimate_tokens(text[start:end])
        if size > room:  # a single row this long is no row
            yield from (("", span) for span in _fragments(text, start, end, limit))
            group, repeated = None, header
    if group:
        yield repeated, group


def _fragments(text: str, start: int, end: int, limit: int) -> Iterator[Span]:
    """Sentences and lines, each at most `limit` characters."""
    for match in _SENTENCE_END.finditer(text, start, end):
        yield from _words(text, *trim(text, start, match.end()), limit)
        start = match.end()
    yield from _words(text, *trim(text, start, end), limit)


def _words(text: str, start: int, end: int, limit: int) -> Iterator[Span]:
    """A sentence as it is if it fits, else cut at white space, else between two characters."""
    while end - start > limit:
        stop = start + limit
        cut = max(text.rfind(space, start + 1, stop + 1) for space in " \n\t")
        if cut < 0:
            cut = _character_boundary(text, start, stop)
        yield trim(text, start, cut)
        following = _INK.search(text, cut, end)
        start = following.start() if following else end
    if end > start:
        yield start, end


def _character_boundary(text: str, start: int, stop: int) -> int:
    """The last place up to `stop` that parts no combining sequence; `stop` if there is none."""
    for index in range(stop, start, -1):
        if not _joins(text[index - 1], text[index]):
            return index
    return stop


def _joins(left: str, right: str) -> bool:
    """Whether two neighbouring characters are seen as one."""
    if left.isascii() and right.isascii():
        return False
    return (
        unicodedata.category(right)[0] == "M"
        or right in _JOINERS
        or left in _JOINERS
        or unicodedata.combining(left) == _VIRAMA
        or "\N{EMOJI MODIFIER FITZPATRICK TYPE-1-2}" <= right <= "\U0001f3ff"
        or (left < "\udc00" <= right <= "\udfff" and left >= "\ud800")
    )
