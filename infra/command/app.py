"""
The command line: `./healbridge-sync --help`. Exit codes: infra/command/answers.py.

Functions are announced to typer here, so that a subcommand's file stays free of it.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Annotated

import typer

from infra.command import (
    conflicts,
    doctor,
    erase,
    lineage,
    migrate,
    parked,
    patient,
    reconcile,
    resync,
    retry,
    status,
    target,
    watch,
)
from infra.command.answers import WrongError, answering

app = typer.Typer(
    help=(
        "Look after HealBridge Sync: is it healthy, what is stuck and why, make it go.\n\n"
        "Settings come from the environment, as the functions have them; a local stack that runs is"
        " used when the environment names no CORE_DSN. Exit codes: 0 done, 1 something waits for a"
        " person, 2 usage, 3 budget, 4 a store or service is out of reach, 5 no such thing."
    ),
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


@app.callback()
def choose(
    local: Annotated[bool, typer.Option("--local", help="Speak to the local stack.")] = False,
    stack: Annotated[
        Path | None, typer.Option("--stack", help="stack.json of another local stack.")
    ] = None,
) -> None:
    """Choose the deployment."""
    try:
        target.choose(stack, local=local)
    except WrongError as wrong:
        raise typer.BadParameter(wrong.message) from None


app.command("status")(answering(status.status))
app.command("watch")(answering(watch.watch))
app.command("patient")(answering(patient.patient))
app.command("lineage")(answering(lineage.lineage))
app.command("trace")(answering(lineage.trace))
app.command("parked")(answering(parked.parked))
app.command("retry")(answering(retry.retry))
app.command("reconcile")(answering(reconcile.reconcile))
app.command("migrate")(answering(migrate.migrate))
app.command("erase")(answering(erase.erase))
app.command("doctor")(answering(doctor.doctor))

_resync = typer.Typer(help="Announce entities of a kind again.", no_args_is_help=True)
_resync.command("quote")(answering(resync.quote))
_resync.command("run")(answering(resync.run))
app.add_typer(_resync, name="resync")

_conflicts = typer.Typer(help="What waits for a person's decision.", no_args_is_help=True)
_conflicts.command("list")(answering(conflicts.listed))
_conflicts.command("decide")(answering(conflicts.decide))
app.add_typer(_conflicts, name="conflicts")


def main() -> None:
    """Run; a reader that went away (`| head`) is no error."""
    with contextlib.suppress(BrokenPipeError):
        app(prog_name="healbridge-sync")
