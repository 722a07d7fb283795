"""`migrate`: apply pending SQL migrations, each once and in its own transaction."""

from __future__ import annotations

from typing import Annotated

import typer

from infra import migrate as migrations
from infra.command import target
from infra.command.answers import DONE, USAGE, WAITS, Answer, WrongError

Store = Annotated[str, typer.Argument(metavar="STORE", help="core or supabase.")]


def migrate(
    store: Store,
    pending: Annotated[bool, typer.Option("--pending", help="Only say what would be.")] = False,
) -> Answer:
    """Apply as the database's owner, whose connection string OWNER_DSN has."""
    if store not in migrations.FOLDERS:
        raise WrongError("store", f"STORE must be one of {', '.join(migrations.FOLDERS)}", USAGE)
    dsn = target.owner_dsn(store)
    if pending:
        names = migrations.pending(store, dsn)
        said = [f"pending {name}" for name in names] or ["nothing to apply"]
        return Answer({"pending": names}, said, WAITS if names else DONE)
    names = migrations.migrate(store, dsn)
    return Answer({"applied": names}, [f"applied {n}" for n in names] or ["nothing to apply"])
