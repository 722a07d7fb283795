"""Replay parked entities with the real stores: what the schedule, a person or the page asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shared import log, settings
from shared.repair.patient_entities import entities_of
from shared.repair.replaying import replay
from shared.stores.core_replays import Filter

if TYPE_CHECKING:
    from shared.clients import Clients


def retry(wanted: dict[str, Any] | None, to: Clients) -> dict[str, int]:
    """
    Replay what a person wants ({"step", "code", "kind", "older_s", "uid"}, each optional),
    or without a wish what is due. Return {"retried", "failed"}: delivered once more, and still
    parked as before.
    """
    chosen = Filter(due=True) if wanted is None else _filter(dict(wanted), to)
    counts = replay(
        chosen,
        replays=to.core_replays,
        publish=to.publish,
        relays={
            "relay_core_outbox": to.core_outbox,
            "relay_supabase_outbox": to.supabase_outbox,
        },
        per_run=settings.positive("REPLAYS_PER_RUN", 1000),
        per_second=settings.positive("REPLAYS_PER_SECOND", 100),
    )
    if counts["retried"]:
        log.event("replayed", step="retry_failed", count=counts["retried"], left=counts["failed"])
    return counts


def _filter(wanted: dict[str, Any], to: Clients) -> Filter:
    """A uid stands for all entities of a patient."""
    uid = wanted.pop("uid", None)
    keys = None if uid is None else entities_of(uid, to)
    return Filter(**wanted, keys=keys)
