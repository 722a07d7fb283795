"""The fields of one entry under any of their spellings, and what was wrong with them."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from shared.medications.text import one_line


class Fields:
    """Reads an entry's fields; `reasons` collects the review reasons in the order met."""

    def __init__(self, entry: object) -> None:
        self.reasons: list[str] = []
        if isinstance(entry, dict):
            self._entry = cast("dict[object, object]", entry)
        else:
            self._entry = {"raw": entry}  # a bare line of text is kept as the raw line
            self.reasons.append("entry_not_an_object")

    def given(self, *names: str) -> list[object]:
        """The values present under these names. Null and blank are absent."""
        values = (self._entry.get(name) for name in names)
        return [value for value in values if value is not None and not _is_blank(value)]

    def first(self, *names: str) -> object:
        """The first value present, None if there is none. A second one that differs is flagged."""
        values = self.given(*names)
        if not values:
            return None
        if any(not _is_same(value, values[0]) for value in values[1:]):
            self.reasons.append("spellings_disagree")
        return values[0]

    def line(self, text: str, limit: int, clean: Callable[[str], str] = one_line) -> str | None:
        """The cleaned text, at most `limit` characters, None when nothing is left.

        A cut text is flagged, since its end may change its sense. The cut before cleaning bounds
        the work: Unicode folding of a megabyte is not for a step that reads thousands.
        """
        cleaned = clean(text[: 4 * limit])
        if len(text) > 4 * limit or len(cleaned) > limit:
            self.reasons.append("text_truncated")
            cleaned = cleaned[:limit].rstrip()
        return cleaned or None


def _is_blank(value: object) -> bool:
    return isinstance(value, str) and not value.strip()


def _is_same(one: object, other: object) -> bool:
    """Equality of scalars. Containers are never compared: a deep one would exhaust the stack."""
    scalars = (str, int, float)
    return isinstance(one, scalars) and isinstance(other, scalars) and one == other
