"""`retry`: deliver parked entities once more to the step that parked them."""

from __future__ import annotations

from typing import Annotated

import typer

from infra.command.answers import DONE, USAGE, WAITS, Answer, WrongError
from shared.clients import Clients
from shared.repair.patient_entities import entities_of
from shared.repair.replaying import replay
from shared.stores.core_replays import CoreReplays, Filter

Text = str | None


def retry(
    step: Annotated[Text, typer.Option(help="What this step parked.")] = None,
    code: Annotated[Text, typer.Option(help="What was parked for this reason.")] = None,
    kind: Annotated[Text, typer.Option(help="Entities of this kind.")] = None,
    uid: Annotated[Text, typer.Option(help="This patient's.")] = None,
    older: Annotated[
        float | None, typer.Option(min=0, metavar="SECONDS", help="Untouched for so long.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All that is parked.")] = False,
    most: Annotated[int, typer.Option(min=1, help="At most so many.")] = 1000,
    per_second: Annotated[int, typer.Option(min=1)] = 100,
) -> Answer:
    """Replay what is parked and fits; mend the cause first. Exits with 1 if some was left."""
    if not (everything or step or code or kind or uid or older is not None):
        raise WrongError("filter", "say what to replay: --step, --code, --kind, --uid, --older or"
                         " --all", USAGE)  # fmt: skip
    to = Clients()
    counts = replay(
        Filter(step, code, kind, older, entities_of(uid, to) if uid else None),
        replays=CoreReplays(to.core),
        publish=to.publish,
        relays={
            "relay_core_outbox": to.core_outbox,
            "relay_supabase_outbox": to.supabase_outbox,
        },
        per_run=most,
        per_second=per_second,
    )
    said = f"delivered {counts['retried']} once more, {counts['failed']} still parked as before"
    return Answer(counts, [said], WAITS if counts["failed"] else DONE)
