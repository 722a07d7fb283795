"""What there is to tell a patient, and what was told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Paper:
    """A core document or prescription as its patient is told of it; `digest` of what it says."""

    id: str
    uid: str | None
    appointment_id: str | None
    digest: str
    created_at: datetime
    version: int
    revoked: bool = False


@dataclass(frozen=True, slots=True)
class News:
    """
    How an entity stands, as its patient would put it: `state` is compared with what the patient was
    last told, "" means that there is nothing (any more). What to tell of a difference is `first`
    after nothing and `later` after something; None tells nothing and is only taken note of.
    """

    key: str
    version: int
    uid: str
    state: str
    first: str | None
    later: str | None
    appointment_id: str | None = None


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
