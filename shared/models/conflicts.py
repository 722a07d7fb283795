"""A contact that two users claim."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class OpenConflict:
    """
    A row of `sync.conflicts`. `other` is the holder's id in the store that the step writes to,
    `other_uid` the holder's Firebase uid where core knows it. `resolution` is None while open.
    """

    id: int
    kind: str
    key: str
    step: str
    field: str
    other: str
    other_uid: str | None
    resolution: str | None
