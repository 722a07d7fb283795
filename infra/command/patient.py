"""`patient`: how one patient stands in the three stores; ids, times and codes, no content."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.table import Table

from infra.command.answers import DONE, UNKNOWN, WAITS, Answer, WrongError
from shared.clients import Clients
from shared.status.patient_status import patient_status

Id = Annotated[str, typer.Argument(metavar="ID", help="Firebase uid, or core user or patient id.")]


def patient(any_id: Id, logs: Annotated[int, typer.Option(min=1)] = 20) -> Answer:
    """Where is this patient's data? Exits with 1 if anything of theirs is stuck, 5 if unknown."""
    found = patient_status(Clients(), any_id, logs=logs)
    if found is None:
        raise WrongError("unknown_patient", "no store and no ledger row knows this id", UNKNOWN)
    user = found.postgres_user
    profile = found.firebase_profile
    said: list[Any] = [
        f"core user: {user['id'] if user else 'none'}",
        f"profile version: {profile['version'] if profile else 'none'}",
        f"documents in Supabase: {len(found.supabase_documents)}",
    ]
    documents = Table("document", "origin", "in core", "chunks", box=None, header_style="dim")
    for row in found.supabase_documents:
        documents.add_row(row["id"], row["origin"], str(row["in_core"]), str(row["chunks"]))
    history = Table("at", "step", "kind", "state", "code", box=None, header_style="dim")
    for row in found.sync_logs:
        history.add_row(
            str(row["at"])[:19], row["step"], row["kind"], row["state"], row["error_code"]
        )
    said += [documents] if found.supabase_documents else []
    said += [history]
    said += [f"stuck in {r['step']}: {r['code']}; {r['remedy']}" for r in found.stuck]
    return Answer(found, said, WAITS if found.stuck else DONE)
