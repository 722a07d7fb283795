"""
Judge the counts: which places have work and do not move, and what else is not as it should be.

A step is judged by the oldest entity it owes (forwarded and not recorded, refused, or out of
deliveries) and by when it last finished one. Late and finishing others is degraded; late and
finishing none is unhealthy: it stands still.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from shared.status.remedies import remedy

LATE_S = 120.0  # a chain takes less than a second; a refusal backs off to minutes
_PERIODS = 3  # a schedule is missed when it has not run for so many of its periods
DEGRADED, UNHEALTHY = "degraded", "unhealthy"


@dataclass(frozen=True, slots=True)
class Cause:
    """
    Why it is not healthy: the place (a function's name), how bad, a code and a text, how many
    entities it concerns, and for how many seconds.
    """

    place: str
    severity: str  # degraded or unhealthy
    code: str
    text: str
    count: int = 1
    since_s: float | None = None


@dataclass(frozen=True, slots=True)
class Owed:
    """
    What a step has not done. Ages of the oldest in seconds, None where there is none: `awaited`
    forwarded and not recorded, `retrying` refused, `exhausted` parked for want of deliveries.
    """

    step: str
    counts: Mapping[str, int]  # by state
    awaited_s: float | None
    retrying_s: float | None
    exhausted_s: float | None
    moved_s: float | None
    code: str | None  # why the oldest refused one is refused

    @property
    def lag_s(self) -> float | None:
        """The age of the oldest unfinished entity."""
        ages = (self.awaited_s, self.retrying_s, self.exhausted_s)
        return max((age for age in ages if age is not None), default=None)


def of_step(owed: Owed, late_s: float) -> list[Cause]:
    """Judge one step."""
    causes: list[Cause] = []
    lag = owed.lag_s
    if lag is not None and lag > late_s:
        still = owed.moved_s is None or owed.moved_s > late_s
        severity = UNHEALTHY if still else DEGRADED
        causes.append(Cause(owed.step, severity, *_lateness(owed, late_s), lag))
    judged = owed.counts.get("parked", 0)
    if judged:
        text = "parked: see the reasons, mend and replay"
        causes.append(Cause(owed.step, DEGRADED, "parked", text, judged))
    return causes


def _lateness(owed: Owed, late_s: float) -> tuple[str, str, int]:
    """Return code, text and count of why a step is late: refusals say more than silence."""
    if owed.retrying_s is not None and owed.retrying_s > late_s:
        code = owed.code or "unknown_refusal"
        return code, f"refuses its work: {remedy(code)}", owed.counts.get("retrying", 0)
    if owed.awaited_s is not None and owed.awaited_s > late_s:
        text = "does not take its messages: see that the function runs and its subscription pushes"
        return "not_taken", text, owed.counts.get("awaited", 0)
    text = "ran out of deliveries and waits for replays: see the reasons"
    return "exhausted", text, owed.counts.get("parked", 0)


def of_outbox(relay: str, unsent: int, oldest_s: float | None, late_s: float) -> list[Cause]:
    """Judge a relay by what is not announced. It runs every minute at the least."""
    if oldest_s is None or oldest_s <= late_s:
        return []
    text = "does not announce changes: see that the function runs and its schedule calls it"
    return [Cause(relay, UNHEALTHY, "not_announced", text, unsent, oldest_s)]


def of_arrivals(step: str, count: int, oldest_s: float | None, late_s: float) -> list[Cause]:
    """Judge a first step by announcements that it has not recorded."""
    if not count or oldest_s is None or oldest_s <= late_s:
        return []
    text = "does not take what was announced: see that the function runs and its subscription"
    return [Cause(step, UNHEALTHY, "not_taken", text, count, oldest_s)]


def of_conflicts(count: int) -> list[Cause]:
    """Judge open conflicts."""
    text = "conflicts wait for a person's decision"
    return [Cause("decide_conflict", DEGRADED, "conflicts", text, count)] if count else []


def of_canary(rows: Iterable[Mapping[str, Any]]) -> list[Cause]:
    """Judge the synthetic patient: the step that it did not pass stands still."""
    text = "the canary did not pass: this step, or the way to it, stands still"
    return [
        Cause(row["stalled_step"], UNHEALTHY, "canary_stalled", text, since_s=row["stalled"])
        for row in rows
        if row["stalled_step"]
    ]


def of_schedule(name: str, age_s: float | None, period_s: float) -> list[Cause]:
    """Judge a scheduled function by when it last ended a run (or since when it should have)."""
    if age_s is None or age_s <= _PERIODS * period_s:
        return []
    text = "has not run when it should have: see the schedule and the function's log"
    return [Cause(name, UNHEALTHY, "not_run", text, since_s=age_s)]


def of_comparison(name: str, run: Mapping[str, Any]) -> list[Cause]:
    """Judge the last comparison of two stores: what it could not repair waits for a person."""
    left = sum(run["findings"].values())
    causes: list[Cause] = []
    if left:
        kinds = ", ".join(sorted(run["findings"]))
        text = f"the stores disagree in {name} ({kinds}) and no repair is possible or helped"
        causes.append(Cause("reconcile", DEGRADED, "drift", text, left, run["age"]))
    if run["complete"] is False:
        text = f"more differs in {name} than one run looks into: the next runs go on"
        causes.append(Cause("reconcile", DEGRADED, "drift_incomplete", text, since_s=run["age"]))
    return causes


def verdict(causes: Iterable[Cause]) -> str:
    """Return the worst of the causes, healthy where there are none."""
    severities = {cause.severity for cause in causes}
    return next((s for s in (UNHEALTHY, DEGRADED) if s in severities), "healthy")
