"""How the worlds of contract tests run: relays, deliveries and comparisons, whatever the stores."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared import catalog
from shared.relay import drain
from shared.repair.digests import Table
from shared.repair.reconciliations import reconciliation

if TYPE_CHECKING:
    from shared.clients import Clients
    from shared.stores.core_findings import Finding, Report
    from tests.memory.bus import MemoryBus


def relay_and_deliver(to: Clients, bus: MemoryBus, without: str = "") -> None:
    """Relay the outboxes, but the named place's, and deliver until all is quiet."""
    relays = {"core": to.core_outbox, "supabase": to.supabase_outbox}
    relays.pop(without, None)
    topics = catalog.load().announced_by
    while True:
        sent = sum(
            drain(outbox, to.publish, topics(place), budget_s=60)
            for place, outbox in relays.items()
        )
        if not sent and not bus.pending:
            return
        bus.run_until_quiet(to)


def compare(
    to: Clients, name: str, *, dry_run: bool, grace_s: float, blocks: int
) -> tuple[Report, list[Finding]]:
    """Run one comparison, so many blocks of a table at first."""
    run = reconciliation(name, to, grace_s=grace_s)
    for side in (run.source, run.target):
        if isinstance(side, Table):
            side.first_blocks = blocks
    return run.run(dry_run=dry_run)
