"""What there is to tell a patient, and what was told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Claim:
    """
    Something a patient is to be told. `reached` holds the fingerprints of the devices that have it
    already. A `held` claim is being worked on by another message's delivery.
    """

    key: str
    version: int
    what: str
    uid: str
    appointment_id: str | None
    created_at: datetime
    reached: frozenset[str] = frozenset()
    held: bool = False


@dataclass(frozen=True, slots=True)
class Telling:
    """
    What a step has to tell of its batch. `versions` are those of the entities that core has;
    `untold` says why nobody is told of one. `claims` are still to be told. `withdrawn` are all of
    papers that were deleted or revoked: one that is `held` may have no note yet.
    """

    versions: dict[str, int]
    untold: dict[str, str]
    claims: list[Claim]
    withdrawn: list[Claim]
