"""
Is it healthy, and if not, where does it stand still? Health means progress: a step that has work
and does not move is named, with the reason.

healthy    everything that moves is on time, nothing waits for a person
degraded   something waits for a person, or is late while its chain goes on
unhealthy  a place has work and does not move

Every number is the ledger's (or an outbox's); ages are in seconds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from shared import catalog
from shared.repair.projections import PROJECTIONS
from shared.status import health
from shared.status.health import LATE_S, Cause, Owed
from shared.status.remedies import remedy
from shared.status.standing import Canary, Outbox, Reason, Reconciled, Status, Step, Stuck
from shared.stores.core_status import AwaitedRow, CoreStatus
from shared.stores.supabase_status import OutboxStanding, SupabaseStatus

if TYPE_CHECKING:
    from shared.clients import Clients

STATES = ("retrying", "parked", "conflict")


def overall(to: Clients, *, late_s: float = LATE_S) -> Status:
    """
    Return how the whole stands: one query of core's ledger, one of Supabase's outbox and one that
    tells which of its announcements arrived. Raise TransientError when a store cannot be reached.
    """
    core = CoreStatus(to.core)
    known = catalog.load()
    found = core.standing([step.name for step in known.steps()], list(PROJECTIONS))
    supabase = SupabaseStatus(to.supabase).outbox()
    outboxes = (
        Outbox("core", "relay_core_outbox", found["unsent"]["count"], found["unsent"]["age"]),
        Outbox("supabase", "relay_supabase_outbox", supabase.unsent, supabase.unsent_s),
    )
    arrivals = _arrivals(core, supabase)
    owed = [_owed(found, step.name) for step in known.steps()]
    causes = _causes(found, owed, outboxes, arrivals, late_s)
    steps = tuple(_step(found, each, arrivals, causes) for each in owed)
    return Status(
        status=health.verdict(causes),
        postgres_users=_count(found, "users", "rows"),
        supabase_documents=supabase.documents,
        pending_syncs=sum(box.unsent for box in outboxes)
        + sum(step.waiting + step.retrying for step in steps),
        failed_syncs=sum(_count(found, place, "parked") for place in _places(found)),
        conflicts=found["conflicts"],
        last_check=found["at"],
        causes=tuple(causes),
        steps=steps,
        outboxes=outboxes,
        parked=_reasons(found),
        canary=tuple(_canary(row) for row in found["canary"]),
        reconciled=tuple(_reconciled(name, run) for name, run in found["reconciled"].items()),
    )


def stuck(
    to: Clients,
    states: Sequence[str] = STATES,
    *,
    step: str | None = None,
    kind: str | None = None,
    key: str | None = None,
    code: str | None = None,
    limit: int = 100,
) -> list[Stuck]:
    """Return entities that are not done, those untouched for longest first."""
    rows = CoreStatus(to.core).stuck(states, step=step, kind=kind, key=key, code=code, limit=limit)
    return [
        Stuck(row.kind, row.key, row.step, row.state, row.code or "unknown_refusal", row.attempts,
              row.first_at, row.updated_at, row.next_retry_at, row.trace_id, remedy(row.code))
        for row in rows
    ]  # fmt: skip


def waiting(
    to: Clients, step: str | None = None, *, older_s: float = LATE_S, limit: int = 100
) -> list[AwaitedRow]:
    """Return entities that were forwarded to a step and not recorded since, oldest first."""
    return CoreStatus(to.core).waiting(step, older_s, limit)


def _arrivals(core: CoreStatus, outbox: OutboxStanding) -> dict[str, tuple[int, float | None]]:
    """Return per first step of Supabase's chains what was announced to it and has not arrived."""
    known, arrivals = catalog.load(), dict[str, tuple[int, float | None]]()
    for kind, topic in known.announced_by("supabase").items():
        announced = [row for row in outbox.announced if row[0] == kind]
        for step in known.consumers(topic):
            arrivals[step.name] = core.not_arrived(step.name, announced)
    return arrivals


def _owed(found: Mapping[str, Any], step: str) -> Owed:
    oldest = found["oldest"][step]
    states = ("done", "gone", "conflict", "parked", "retrying", "awaited")
    return Owed(
        step=step,
        counts={state: _count(found, step, state) for state in states},
        awaited_s=oldest["awaited"],
        retrying_s=oldest["retrying"],
        exhausted_s=oldest["exhausted"],
        moved_s=found["moved"].get(step),
        code=oldest["code"],
    )


def _count(found: Mapping[str, Any], step: str, state: str) -> int:
    return sum(t["n"] for t in found["tallies"] if (t["step"], t["state"]) == (step, state))


def _places(found: Mapping[str, Any]) -> list[str]:
    """Return whatever has counts: steps, and relays that parked what they could not announce."""
    return sorted({tally["step"] for tally in found["tallies"]})


def _causes(
    found: Mapping[str, Any],
    owed: Sequence[Owed],
    outboxes: Sequence[Outbox],
    arrivals: Mapping[str, tuple[int, float | None]],
    late_s: float,
) -> list[Cause]:
    causes = health.of_canary(found["canary"]) + health.of_conflicts(found["conflicts"])
    for box in outboxes:
        causes += health.of_outbox(box.relay, box.unsent, box.oldest_s, late_s)
        causes += health.of_step(Owed(box.relay, {"parked": _count(found, box.relay, "parked")},
                                      None, None, None, None, None), late_s)  # fmt: skip
    for step in owed:
        causes += health.of_step(step, late_s)
    for step, (count, oldest_s) in arrivals.items():
        causes += health.of_arrivals(step, count, oldest_s, late_s)
    for name, run in found["reconciled"].items():
        causes += health.of_comparison(name, run)
    causes += _schedules(found)
    return sorted(causes, key=lambda cause: (cause.severity != health.UNHEALTHY, cause.place))


def _schedules(found: Mapping[str, Any]) -> list[Cause]:
    """Judge the schedules that leave a trace of their runs; the relays are judged by their work."""
    runs = [found["reconciled"].get(name, {}).get("age") for name in PROJECTIONS]
    patrols = [row["touched"] for row in found["canary"]]
    overdue = found["replay_due"]
    last = {
        "reconcile": max(run if run is not None else found["watched"] for run in runs),
        "run_canary": min(patrols, default=found["watched"]),
        "retry_failed": overdue if overdue is not None and overdue > 0 else None,
    }
    functions = catalog.load().functions
    return [
        cause
        for name, age_s in last.items()
        for cause in health.of_schedule(name, age_s, functions[name].period_s)
    ]


def _step(
    found: Mapping[str, Any],
    owed: Owed,
    arrivals: Mapping[str, tuple[int, float | None]],
    causes: Sequence[Cause],
) -> Step:
    arriving, oldest_s = arrivals.get(owed.step, (0, None))
    ages = [age for age in (owed.lag_s, oldest_s) if age is not None]
    minutes = [0] * 60
    for step, minute, handled in found["minutes"]:
        if step == owed.step and 0 <= minute < len(minutes):
            minutes[minute] += handled
    return Step(
        name=owed.step,
        chain=catalog.load().functions[owed.step].chain,
        done=owed.counts["done"],
        gone=owed.counts["gone"],
        conflict=owed.counts["conflict"],
        parked=owed.counts["parked"],
        retrying=owed.counts["retrying"],
        waiting=owed.counts["awaited"] + arriving,
        lag_s=max(ages, default=None),
        moved_s=owed.moved_s,
        minutes=tuple(minutes),
        state=health.verdict(cause for cause in causes if cause.place == owed.step),
    )


def _reasons(found: Mapping[str, Any]) -> tuple[Reason, ...]:
    return tuple(
        Reason(t["step"], t["code"] or "unknown_refusal", t["n"], remedy(t["code"]))
        for t in found["tallies"]
        if t["state"] == "parked"
    )


def _canary(row: Mapping[str, Any]) -> Canary:
    return Canary(row["kind"], row["touched"], row["checked"], row["stalled_step"], row["stalled"])


def _reconciled(name: str, run: Mapping[str, Any]) -> Reconciled:
    return Reconciled(
        projection=name,
        age_s=run["age"],
        dry_run=run["dry_run"],
        source_rows=run["source_rows"],
        target_rows=run["target_rows"],
        in_flight=run["in_flight"],
        found=run["found"],
        repaired=run["repaired"],
        complete=run["complete"],
        open=run["findings"],
    )
