"""`resync`: announce entities of a kind again; first load, repair and support in one way."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from infra.command.answers import BUDGET, DONE, USAGE, Answer, WrongError
from shared.clients import Clients
from shared.repair.patient_entities import entities_of
from shared.repair.prices import NOTED, Quote
from shared.repair.resyncing import Kind, estimate, kinds, resync, resync_some

Name = Annotated[str, typer.Argument(metavar="KIND", help=f"One of {', '.join(sorted(kinds()))}.")]


def quote(kind: Name) -> Answer:
    """What would announcing all of a kind cost at most?"""
    quoted = estimate(_kind(kind), Clients())
    return Answer(_told(quoted), [describe(quoted)])


def run(
    kind: Name,
    key: Annotated[list[str] | None, typer.Option(help="Only this entity; repeatable.")] = None,
    uid: Annotated[str | None, typer.Option(help="Only this patient's.")] = None,
    budget: Annotated[int | None, typer.Option(min=1, help="Announce at most so many.")] = None,
    budget_dollars: Annotated[float | None, typer.Option(min=0, help="Spend at most.")] = None,
    per_second: Annotated[float, typer.Option(min=0.1)] = 500,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where the last stopped.")] = False,
) -> Answer:
    """Announce; stops hard at a budget, with exit code 3, and --resume goes on."""
    wanted, to = _kind(kind), Clients()
    if key or uid:
        theirs = entities_of(uid, to) if uid else ()
        keys = [*(key or ()), *(k for name, k in theirs if name == wanted.kind)]
        announced = resync_some(wanted, keys, to)
        return Answer({"announced": announced}, [f"announced {announced}"])
    quoted = estimate(wanted, to)
    most, announced, state = allowed(quoted, budget, budget_dollars), 0, "done"
    with Progress(console=Console(stderr=True)) as bar:
        task = bar.add_task(f"announcing {kind}", total=min(quoted.entities, most or 10**12))
        for step in resync(wanted, to, most=most, per_second=per_second, resume=resume):
            announced, state = step.announced, step.state
            bar.update(task, completed=announced)
    said = [describe(quoted), f"announced {announced}"]
    if state == "budget":
        said.append("stopped at the budget; --resume goes on")
    data = {"announced": announced, "state": state, "quote": _told(quoted)}
    return Answer(data, said, BUDGET if state == "budget" else DONE)


def allowed(quoted: Quote, entities: int | None, dollars: float | None) -> int | None:
    """Return how many entities both bounds allow, None for no bound."""
    bounds = [] if entities is None else [entities]
    if dollars is not None and quoted.each > 0:
        bounds.append(int(dollars / quoted.each))
    return min(bounds, default=None)


def describe(quoted: Quote) -> str:
    """Return a quote as text."""
    return (
        f"{quoted.entities} entities through {quoted.steps} steps: at most {quoted.reads} reads,"
        f" {quoted.writes} writes, {quoted.tokens} embedding tokens,"
        f" ${quoted.dollars:.2f} by list prices noted {NOTED}"
    )


def _told(quoted: Quote) -> dict[str, float]:
    names = ("entities", "steps", "reads", "writes", "tokens", "dollars")
    return {name: getattr(quoted, name) for name in names}


def _kind(name: str) -> Kind:
    if name not in kinds():
        raise WrongError("kind", f"KIND must be one of {', '.join(sorted(kinds()))}", USAGE)
    return kinds()[name]
