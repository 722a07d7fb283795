"""`parked`: what is stuck, why, when it is tried again, and what a person must do."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from infra.command.answers import DONE, USAGE, WAITS, Answer, WrongError
from shared.clients import Clients
from shared.status.status import STATES, stuck

Text = str | None
State = Annotated[
    list[str] | None, typer.Option("--state", help=f"Of {', '.join(STATES)}; default parked.")
]


def parked(
    state: State = None,
    step: Annotated[Text, typer.Option(help="Of one step only.")] = None,
    code: Annotated[Text, typer.Option(help="For one reason only.")] = None,
    kind: Annotated[Text, typer.Option(help="Of one kind of entity only.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 100,
) -> Answer:
    """What is parked, with what to do about it. Exits with 1 if anything is."""
    states = state or ["parked"]
    if strange := sorted(set(states) - set(STATES)):
        raise WrongError("state", f"no state: {', '.join(strange)}", USAGE)
    rows = stuck(Clients(), states, step=step, kind=kind, code=code, limit=limit)
    table = Table("step", "kind", "key", "code", "attempts", "since", "next", box=None,
                  header_style="dim")  # fmt: skip
    for row in rows:
        table.add_row(row.step, row.kind, row.key, row.code, str(row.attempts),
                      f"{row.since:%m-%d %H:%M}",
                      f"{row.next_retry_at:%m-%d %H:%M}" if row.next_retry_at else "-")  # fmt: skip
    remedies = {row.code: row.remedy for row in rows}
    said = [table, *(f"{code}: {text}" for code, text in remedies.items())] if rows else ["nothing"]
    return Answer({"stuck": rows}, said, WAITS if rows else DONE)
