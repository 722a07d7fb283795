"""
Whether the edge function's own chunks are a complete index of a text. Pure.

Told by content and not by time: a clock cannot say whether the edge function came to its end, nor
whether an update touched the text. Every chunk must be a piece of the text as it is now, and all
together must leave nothing of it out, in any order and with any overlap; white space aside.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ForeignChunk:
    """A chunk that the sync did not write. `text` is None for one of another patient's."""

    text: str | None
    model: str | None


def cover(text: str, chunks: Sequence[ForeignChunk], model: str) -> bool:
    """
    Tell whether the chunks cover the text, under no other model than this one.

    For a document without text, whatever chunks there are count: nothing better could be made.
    """
    if not chunks or any(c.text is None or c.model not in {None, model} for c in chunks):
        return False
    whole = _ink(text)
    spans = sorted(span for chunk in chunks for span in _spans(_ink(chunk.text or ""), whole))
    if not whole:
        return True
    if any(_ink(chunk.text or "") not in whole for chunk in chunks):
        return False
    end = 0
    for start, stop in spans:
        if start > end:
            return False
        end = max(end, stop)
    return end == len(whole)


def _spans(piece: str, whole: str) -> Iterator[tuple[int, int]]:
    """Every place where a piece occurs."""
    start = whole.find(piece) if piece else -1
    while start >= 0:
        yield start, start + len(piece)
        start = whole.find(piece, start + 1)


def _ink(text: str) -> str:
    return "".join(text.split())
