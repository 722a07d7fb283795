"""The fields of one entry under any of their spellings, and what was wrong with them."""

from __future__ import annotations

from typing import cast

# Every field's spellings, the one that wins first.
RAW = ("raw", "rawLine", "raw_line", "line")
GENERIC_NAME = ("generic_name", "genericName")
FREQUENCY = ("frequency", "freq")
DURATION = ("duration_days", "durationDays", "duration")
_OTHERS = frozenset((*RAW[1:], *GENERIC_NAME[1:], *FREQUENCY[1:], *DURATION[1:]))


class Fields:
    """Reads an entry's fields; `reasons` collects the review reasons in the order met."""

    def __init__(self, entry: object) -> None:
        self.reasons: list[str] = []
        if isinstance(entry, dict):
            self._entry = cast("dict[object, object]", entry)
        else:
            self._entry = {"raw": entry}  # a bare line of text is kept as the raw line
            self.reasons.append("entry_not_an_object")
        self._one_spelling = _OTHERS.isdisjoint(self._entry)

    def given(self, *names: str) -> list[object]:
        """The values present under these names. Null and blank are absent."""
        spellings = names[:1] if self._one_spelling else names
        values = [self._value(name) for name in spellings]
        return [value for value in values if value is not None]

    def _value(self, name: str) -> object:
        value = self._entry.get(name)
        return None if isinstance(value, str) and not value.strip() else value

    def first(self, *names: str) -> object:
        """The first value present, None if there is none. A second one that differs is flagged."""
        if self._one_spelling:  # nearly every entry; each comes by nine times
            return self._value(names[0])
        values = self.given(*names)
        if not values:
            return None
        if len(values) > 1 and any(not _is_same(value, values[0]) for value in values[1:]):
            self.reasons.append("spellings_disagree")
        return values[0]

    def cut(self, text: str, limit: int) -> str:
        """At most `limit` characters. A cut text is flagged: its end may change its sense."""
        if len(text) <= limit:
            return text
        self.reasons.append("text_truncated")
        return text[:limit].rstrip()


def _is_same(one: object, other: object) -> bool:
    """Equality of scalars. Containers are never compared: a deep one would exhaust the stack."""
    scalars = (str, int, float)
    return isinstance(one, scalars) and isinstance(other, scalars) and one == other
