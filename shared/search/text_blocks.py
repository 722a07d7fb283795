"""Finds the tables and paragraphs of a plain text, as OCR and prescription rendering write them.

A table is two or more consecutive lines with columns (a pipe, a tab, or two gaps of two spaces), or
the lines under a medication heading up to the first blank line, other heading or long line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

Span = tuple[int, int]

_COLUMN_GAP = re.compile(r"\S {2,}(?=\S)")
_HEADING = re.compile(
    r"[#*\s]*(?:(?:current|discharge|prescribed|regular) )?"
    r"(?:medications?|medicines?|drugs?|prescription|treatment|rx)(?: list)?[*\s]*[:.-]?[*\s]*",
    re.IGNORECASE,
)
_OTHER_HEADING = re.compile(r"[#*\s]*[^\W\d][^\d:]{0,40}:[*\s]*")
_RULE = re.compile(r"[-|:+= ]+")  # the line under a table's titles
_MAX_HEADING = 60
_MAX_LISTED = 300  # characters; a longer line under a medication heading is prose again


@dataclass(slots=True)
class Block:
    """A stretch of whole lines without the white space around it. `headed`: by a heading line."""

    start: int
    end: int
    is_table: bool
    headed: bool = False
    line_count: int = 1

    @property
    def span(self) -> Span:
        """Start and end offsets in the text."""
        return self.start, self.end


def blocks(text: str) -> Iterator[Block]:
    """The blocks of a text in order. Between them lies only white space."""
    block: Block | None = None
    for start, end in lines(text, 0, len(text)):
        line = text[start:end]
        if not line:
            if block and not (block.headed and block.line_count == 1):
                yield _settled(block)
                block = None
            continue
        headed = _is_heading(line)
        if block and not headed and _continues(block, line):
            block.end = end
            block.line_count += 1
            continue
        if block:
            yield _settled(block)
        block = Block(start, end, is_table=headed or _has_columns(line), headed=headed)
    if block:
        yield _settled(block)


def lines(text: str, start: int, end: int) -> Iterator[Span]:
    """The spans of the lines between two offsets, without white space at either side."""
    while start < end:
        newline = text.find("\n", start, end)
        stop = end if newline < 0 else newline
        yield trim(text, start, stop)
        start = stop + 1


def trim(text: str, start: int, end: int) -> Span:
    """The span without white space at either side; an empty one at `start` if there is no more."""
    stripped = text[start:end].strip()
    if not stripped:
        return start, start
    start = text.index(stripped[0], start)
    return start, start + len(stripped)


def header_of(text: str, block: Block) -> str:
    """The first lines of a table that belong to all its rows: heading, column titles, rule.

    Titles are told from a row by having no digit. Without titles the header is the heading alone,
    or empty.
    """
    end = block.start
    inked = (span for span in lines(text, *block.span) if span[0] < span[1])
    for index, span in enumerate(inked):
        line = text[slice(*span)]
        is_heading = block.headed and index == 0
        is_titles = index <= block.headed and _has_columns(line) and not _has_digit(line)
        if not (is_heading or is_titles or _RULE.fullmatch(line)):
            break
        end = span[1]
    return text[block.start : end]


def _settled(block: Block) -> Block:
    """One line alone is no table: a heading without rows, a stray pipe."""
    block.is_table = block.is_table and block.line_count > 1
    return block


def _continues(block: Block, line: str) -> bool:
    if block.headed:
        return len(line) <= _MAX_LISTED and not _OTHER_HEADING.fullmatch(line)
    return block.is_table == _has_columns(line)


def _is_heading(line: str) -> bool:
    return len(line) <= _MAX_HEADING and _HEADING.fullmatch(line) is not None


def _has_columns(line: str) -> bool:
    if "|" in line or "\t" in line:
        return True
    return "  " in line and len(_COLUMN_GAP.findall(line)) >= 2


def _has_digit(line: str) -> bool:
    return any(character.isdigit() for character in line)
