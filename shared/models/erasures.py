"""Ordered erasures, and the receipts of the stores."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Erasure:
    """
    A patient's erasure. `uid` is None once it is certified, and while nothing is to be done. The
    ids are core's; `visits` those of the appointments core has, or had when they were buried.
    `age_s`: seconds since the order, or since the last of what is theirs was buried.
    `by_operator`: a person ordered it, so the Firebase account goes too. `last_look`: it was
    certified before, and runs once more now that no message of before can be left.
    """

    id: str
    uid: str | None
    user_id: str | None
    visits: tuple[str, ...]
    by_operator: bool
    round: int
    age_s: float
    last_look: bool = False


@dataclass(frozen=True, slots=True)
class Receipt:
    """
    What became of an erasure in one store: how many entries were erased, how many are held by law
    or by another owner, whether some wait there until their time is over, and why it failed, if it
    did. No content.
    """

    erasure: str
    store: str
    erased: int = 0
    held: int = 0
    failed: str | None = None
    code: str | None = None
    waits: bool = False
