"""What status answers, as values: counts, ages in seconds, codes and ids; no content."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from shared.status.health import Cause


@dataclass(frozen=True, slots=True)
class Step:
    """
    One step of a chain. `waiting` entities were forwarded to it and not recorded since; `lag_s` is
    the age of the oldest that is unfinished; `moved_s` is how long ago it last finished one;
    `minutes` is how many it finished in each of the last 60 minutes, the current one first.
    """

    name: str
    chain: str
    done: int
    gone: int
    conflict: int
    parked: int
    retrying: int
    waiting: int
    lag_s: float | None
    moved_s: float | None
    minutes: tuple[int, ...]
    state: str  # healthy, degraded or unhealthy


@dataclass(frozen=True, slots=True)
class Reason:
    """How many entities of a step are parked for one reason."""

    step: str
    code: str
    count: int
    remedy: str


@dataclass(frozen=True, slots=True)
class Canary:
    """The synthetic patient's last passage through one kind's chain."""

    kind: str
    touched_s: float
    checked_s: float | None
    stalled_step: str | None
    stalled_s: float | None


@dataclass(frozen=True, slots=True)
class Reconciled:
    """The last run of one comparison; `open` are its findings that were not repaired, by class."""

    projection: str
    age_s: float
    dry_run: bool
    source_rows: int
    target_rows: int
    in_flight: int
    found: int
    repaired: int
    complete: bool
    open: dict[str, int]


@dataclass(frozen=True, slots=True)
class Outbox:
    """Changes that a place has not announced yet."""

    place: str
    relay: str
    unsent: int
    oldest_s: float | None


@dataclass(frozen=True, slots=True)
class Status:
    """
    The product's shape first: `status`, `postgres_users`, `supabase_documents`, `pending_syncs`
    (unannounced, under way or refused), `failed_syncs` (parked), `last_check`; then all of it.
    """

    status: str
    postgres_users: int
    supabase_documents: int
    pending_syncs: int
    failed_syncs: int
    conflicts: int
    last_check: datetime
    causes: tuple[Cause, ...]
    steps: tuple[Step, ...]
    outboxes: tuple[Outbox, ...]
    parked: tuple[Reason, ...]
    canary: tuple[Canary, ...]
    reconciled: tuple[Reconciled, ...]


@dataclass(frozen=True, slots=True)
class Stuck:
    """An entity that is not done: where, since when, why, when it is tried again, what to do."""

    kind: str
    key: str
    step: str
    state: str  # retrying, parked, conflict
    code: str
    attempts: int
    since: datetime
    updated_at: datetime
    next_retry_at: datetime | None
    trace_id: str | None
    remedy: str
