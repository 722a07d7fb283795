"""`conflicts`: what waits for a person, and the decision."""

from __future__ import annotations

from typing import Annotated

import typer

from infra.command.answers import DONE, WAITS, Answer
from shared.clients import Clients
from shared.people import conflicts as deciding

Number = Annotated[int, typer.Argument(metavar="CONFLICT", help="Its number in the list.")]
Made = Annotated[
    str, typer.Argument(metavar="DECISION", help=f"One of {', '.join(deciding.DECISIONS)}.")
]


def listed() -> Answer:
    """Show the open conflicts: ids only. Exits with 1 if there are any."""
    found = Clients().core_conflicts.open()
    said = [f"{c.id}\t{c.kind} {c.key}\t{c.field} is held by {c.other}\t({c.step})" for c in found]
    return Answer({"open": found}, said or ["no open conflict"], WAITS if found else DONE)


def decide(
    conflict: Number,
    decision: Made,
    operator: Annotated[str, typer.Option(help="Who decides; kept with the decision.")],
) -> Answer:
    """Decide one, and announce those concerned again."""
    given = {"conflict": conflict, "decision": decision, "operator": operator}
    made, to = deciding.read_decision(given), Clients()
    announced = deciding.decide(
        made,
        conflicts=to.core_conflicts,
        accounts=to.accounts,
        mirror=to.supabase_users,
        publish=to.publish,
    )
    data = {"conflict": conflict, "decision": made.decision, "announced": announced}
    return Answer(data, [f"{made.decision}: {announced} users announced again"])
