"""`erase`: order that a patient's data be erased from every store. It cannot be taken back."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer
from rich.console import Console

from infra.command.answers import DONE, USAGE, WAITS, Answer, WrongError
from shared.clients import Clients
from shared.erasure.erasing import order, read_order
from shared.repair.patient_entities import entities_of

Uid = Annotated[str, typer.Argument(metavar="UID", help="The patient's Firebase uid.")]


def erase(
    uid: Uid,
    operator: Annotated[str, typer.Option(help="Who orders it; kept with the erasure.")],
    confirm: Annotated[
        str | None, typer.Option(help="The uid once more, where nobody can be asked.")
    ] = None,
) -> Answer:
    """Order an erasure; asks twice. Exits with 1 where a legal hold stops it."""
    body: dict[str, Any] = {"uid": uid, "operator": operator}
    person, orders = read_order(body)
    to = Clients()
    _ask(person, len(entities_of(person, to)), confirm)
    ordered = order(person, orders, to.core_erasures)
    said = f"erasure {ordered['erasure']} is {ordered['state']}"
    return Answer(ordered, [said], WAITS if ordered["state"] == "held" else DONE)


def attended() -> bool:
    """Tell whether somebody is there to be asked."""
    return sys.stdin.isatty()


def _ask(uid: str, entities: int, confirm: str | None) -> None:
    """Ask whether, and then for the uid itself. Raise WrongError unless both are answered."""
    if confirm is not None:
        if confirm != uid:
            raise WrongError("not_confirmed", "--confirm must be the uid itself", USAGE)
        return
    if not attended():
        message = "nobody can be asked here: give the uid once more with --confirm"
        raise WrongError("not_confirmed", message, USAGE)
    Console(stderr=True).print(
        f"This erases {entities} entities of this patient, and the account, from Firebase, core and"
        " Supabase. It cannot be taken back."
    )
    if not typer.confirm("Go on?", err=True):
        raise WrongError("not_confirmed", "nothing was ordered", USAGE)
    if typer.prompt("The uid once more", err=True) != uid:
        raise WrongError("not_confirmed", "another uid: nothing was ordered", USAGE)
