"""`lineage` and `trace`: where a thing came from and what became of it."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.table import Table

from infra.command.answers import DONE, UNKNOWN, USAGE, WAITS, Answer, WrongError
from shared.clients import Clients
from shared.status import lineage as lines

WHAT = (*lines.ENTITIES, *lines.DERIVED)
What = Annotated[str, typer.Argument(metavar="WHAT", help=f"One of {', '.join(WHAT)}.")]
Key = Annotated[str, typer.Argument(metavar="ID", help="Its id.")]
TraceId = Annotated[str, typer.Argument(metavar="TRACE", help="32 hex digits, as the log has it.")]


def lineage(what: What, key: Key) -> Answer:
    """From a chunk, medication or notification to its source, and forward through every step."""
    if what not in WHAT:
        raise WrongError("what", f"WHAT must be one of {', '.join(WHAT)}", USAGE)
    found = lines.lineage(Clients(), what, key)
    if found is None:
        raise WrongError("unknown_entity", f"nothing is known of this {what}", UNKNOWN)
    said: list[Any] = [f"{found.kind} {found.key}", _journal(found.journal)]
    said += [f"still to come: {row['step']}" for row in found.awaited]
    said += [f"became {made.what} {made.id} in {made.place}" for made in found.made]
    return Answer(found, said)


def trace(trace_id: TraceId) -> Answer:
    """All that happened under one trace. Exits with 1 if any of it is stuck, 5 if unknown."""
    found = lines.trace(Clients(), trace_id)
    if found.state == "unknown":
        raise WrongError("unknown_trace", "nothing is on record under this trace", UNKNOWN)
    table = Table("at", "step", "kind", "key", "state", "code", box=None, header_style="dim")
    for e in found.entries:
        table.add_row(str(e.at)[:19], e.step, e.kind, e.key, e.state, e.error_code)
    return Answer(found, [found.state, table], WAITS if found.state == "stuck" else DONE)


def _journal(rows: tuple[dict[str, Any], ...]) -> Table:
    table = Table("at", "step", "state", "code", "version", "revision", box=None,
                  header_style="dim")  # fmt: skip
    for row in rows:
        table.add_row(str(row["at"])[:19], row["step"], row["state"], row["error_code"],
                      str(row["source_version"]), row["revision"])  # fmt: skip
    return table
