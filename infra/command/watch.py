"""`watch`: status again and again, until it is as wanted or somebody has seen enough."""

from __future__ import annotations

import json
import sys
import time
from typing import Annotated

import typer
from rich.console import Console
from rich.live import Live

from infra.command.answers import DONE, WAITS, Answer, plain
from infra.command.status import view
from shared.clients import Clients
from shared.status.status import overall

Every = Annotated[float, typer.Option(min=0.1, help="Seconds between two looks.")]
Looks = Annotated[int | None, typer.Option(min=1, help="End after so many looks.")]
Until = Annotated[bool, typer.Option("--until-healthy", help="End when all is well.")]


def watch(every: Every = 2.0, looks: Looks = None, until_healthy: Until = False) -> Answer:
    """Follow the status; Ctrl-C ends it. On a pipe: one line of JSON per look."""
    to, seen = Clients(), 0
    # The terminal is stderr's: stdout is the answer's, the last look.
    with Live(console=Console(stderr=True), auto_refresh=False) as live:
        while True:
            found = overall(to)
            seen += 1
            if live.console.is_terminal:
                live.update(view(found), refresh=True)
            else:
                sys.stderr.write(json.dumps(plain(found), default=str) + "\n")
            healthy = found.status == "healthy"
            if seen == looks or (until_healthy and healthy):
                return Answer(found, [f"{found.status} after {seen} looks"],
                              DONE if healthy else WAITS)  # fmt: skip
            time.sleep(every)
