"""
How the storm ends and all is repaired, as in operation: by functions that are called.

By schedule, the reconciler compares every projection, and conflicts are looked into; what lost its
word is announced by its source. A person replays what is parked, has orphans removed, and orders
the erasure of whose account is gone. That is all: nothing else is announced again. Erasure has no
projection: a deletion that lost its event shows as the user whom core has left over, or, where core
never knew one, as the profile or the documents that are parked.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from shared.repair.projections import PROJECTIONS
from tests.simulation.calling import signed_request
from tests.simulation.chains.users import deleted

if TYPE_CHECKING:
    from tests.simulation.world import World

OPERATOR = "operator-1"
_REST_S = 6 * 3600 + 1  # by schedule, what must be listed is compared so often, and conflicts too
_OVERDUE_S = 3601
_RUNS = 6


def sweep(world: World) -> bool:
    """
    Let the schedule run for more than an hour, in which what is overdue is sent again; tell whether
    the bus fell quiet.
    """
    world.now += _OVERDUE_S
    _post(world, "retry_failed")
    return world.drain()


def repair(world: World) -> Iterator[str]:
    """Repair until the reconciler finds nothing more to do; yield what keeps it from that."""
    world.repaired = True
    reports: dict[str, Any] = {}
    for _ in range(_RUNS):
        world.now += _REST_S
        _post(world, "retry_failed", b"{}")
        _post(world, "retry_failed")
        if not world.drain():
            yield "the bus does not fall quiet"
            return
        world.now += _REST_S
        reports = _post(world, "reconcile")
        if reports.keys() != PROJECTIONS.keys():
            yield "the reconciler does not answer"
            return
        answers = [
            _post(world, function, json.dumps(order).encode())
            for function, order in list(_orders(world))
        ]
        done = [answer for answer in answers if "error" not in answer]
        if not done and not any(report["repaired"] for report in reports.values()):
            return
        if not world.drain():
            yield "the bus does not fall quiet"
            return
    yield f"repaired without end: {sorted(n for n, r in reports.items() if r['repaired'])}"


def _orders(world: World) -> Iterator[tuple[str, dict[str, Any]]]:
    """Return what an operator orders about the orphans that the last runs reported."""
    left = _ownerless(world)
    last = {run.projection: run for run in world.to.memory_core.runs if run.finished_at}
    for name, run in sorted(last.items()):
        keys = sorted(f.key for f in run.found.values() if f.class_ == "orphan" and f.code is None)
        if name == "users":
            left |= set(keys)
        elif keys and name != "auth_users":  # which go with the account
            yield "remove_orphans", {"projection": name, "keys": keys, "operator": OPERATOR}

    yield from (("order_erasure", {"uid": uid, "operator": OPERATOR}) for uid in sorted(left))


def _ownerless(world: World) -> set[str]:
    """Return the uids of deleted accounts of whose profile or documents something is parked."""
    rows = world.to.memory_core.ledger_rows.items()
    parked = [at for at, row in rows if row.state == "parked"]
    documents = world.to.memory_supabase.document_rows
    owners = {
        key if kind == "user" else documents.get(key, {}).get("patient_id")
        for kind, key, _ in parked
    }
    return {uid for uids in deleted(world).values() for uid in uids if uid in owners}


def _post(world: World, function: str, body: bytes = b"") -> dict[str, Any]:
    with world.calling(function, (), None):
        world.post(function, signed_request(body))
    return json.loads(world.answers[-1])
