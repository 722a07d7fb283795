"""`doctor`: is everything there that the sync needs, and how to mend what is not."""

from __future__ import annotations

from rich.table import Table

from infra.command import checkup, checkup_bus
from infra.command.answers import DONE, WAITS, Answer
from infra.command.checkup import Finding
from shared.clients import Clients
from shared.errors import SyncError
from shared.status.remedies import find

_COLOURS = {"ok": "green", "unknown": "yellow", "wrong": "red"}


def doctor() -> Answer:
    """Check settings, stores, rights, schemas, webhook, topics and push endpoints."""
    findings = list(checkup.settings_found())
    if all(f.state == "ok" for f in findings):
        to = Clients()
        for check in (*checkup.CHECKS, *checkup_bus.CHECKS):
            try:
                findings += check(to)
            except SyncError as error:
                mend = find(error.code) or "see docs/operate.md"
                name = check.__name__.replace("_", " ")
                findings.append(Finding(name, "wrong", error.code, mend))
    table = Table("", "what", "found", "to mend", box=None, header_style="dim")
    for f in findings:
        table.add_row(f"[{_COLOURS[f.state]}]{f.state}[/]", f.what, f.found, f.mend)
    wrong = any(f.state == "wrong" for f in findings)
    return Answer({"healthy": not wrong, "findings": findings}, [table], WAITS if wrong else DONE)
