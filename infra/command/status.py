"""`status`: is it healthy, and if not, where does it stand still and what must be done."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table

from infra.command.answers import DONE, WAITS, Answer
from shared.clients import Clients
from shared.status.standing import Status
from shared.status.status import overall

_COLOURS = {"healthy": "green", "degraded": "yellow", "unhealthy": "red"}


def status() -> Answer:
    """Is it healthy? Exits with 0 if it is, with 1 if not; --json has every number."""
    found = overall(Clients())
    return Answer(found, [view(found)], DONE if found.status == "healthy" else WAITS)


def view(found: Status) -> RenderableType:
    """Return a status for eyes: the verdict and its causes, the steps, what is parked."""
    colour = _COLOURS[found.status]
    said: list[RenderableType] = [
        f"[bold {colour}]{found.status}[/] at {found.last_check:%Y-%m-%d %H:%M:%S %Z}",
        counts(found),
    ]
    said += [
        f"[{_COLOURS[cause.severity]}]{cause.place}[/]: {cause.count} {cause.code}"
        f"{' for ' + age(cause.since_s) if cause.since_s is not None else ''}; {cause.text}"
        for cause in found.causes
    ]
    return Group(*said, _steps(found), *([_parked(found)] if found.parked else []))


def counts(found: Status) -> str:
    """Return the counts in a line."""
    return (
        f"{found.postgres_users} users, {found.supabase_documents} documents in Supabase,"
        f" {found.pending_syncs} pending, {found.failed_syncs} parked, {found.conflicts} conflicts"
    )


def _steps(found: Status) -> Table:
    table = Table("chain", "step", "done", "waiting", "refused", "parked", "oldest", "moved",
                  "last hour", box=None, header_style="dim")  # fmt: skip
    for step in found.steps:
        table.add_row(
            step.chain, f"[{_COLOURS[step.state]}]{step.name}[/]", str(step.done + step.conflict),
            str(step.waiting), str(step.retrying), str(step.parked), age(step.lag_s),
            age(step.moved_s), str(sum(step.minutes)),
        )  # fmt: skip
    for box in found.outboxes:
        table.add_row("outbox", box.relay, "", str(box.unsent), "", "", age(box.oldest_s), "", "")
    return table


def _parked(found: Status) -> Table:
    table = Table("parked in", "reason", "count", "what to do", box=None, header_style="dim")
    for reason in found.parked:
        table.add_row(reason.step, reason.code, str(reason.count), reason.remedy)
    return table


def age(seconds: float | None) -> str:
    """Return an age in its largest unit."""
    if seconds is None:
        return "-"
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"
