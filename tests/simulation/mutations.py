"""
Ways to break a law of the chain, each by replacing one function. The simulation must see each.

Applied in the test process only; `mutated` puts everything back.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any
from unittest.mock import patch
from uuid import uuid4

from shared import outcomes
from shared.events import Event, Ref, events
from shared.outcomes import FORWARDED, Outcome, Outcomes
from shared.runner import Batch, RefusedError, Runner
from tests.memory.core_stores import MemoryLedger
from tests.memory.place import Outbox

if TYPE_CHECKING:
    from shared.stores.core_findings import Finding, Standing


@dataclass(frozen=True)
class Mutation:
    """What stands in for a function, at one or more "module:attribute" places it is known by."""

    places: tuple[str, ...]
    replacement: Any


@contextmanager
def mutated(mutation: Mutation) -> Generator[None]:
    """Have the replacement in place."""
    with ExitStack() as stack:
        for place in mutation.places:
            module, _, path = place.partition(":")
            owner: Any = import_module(module)
            *owners, name = path.split(".")
            for part in owners:
                owner = getattr(owner, part)
            stack.enter_context(patch.object(owner, name, mutation.replacement))
        yield


_run = Runner.run


def _publish_before_write(self: Runner, event: Event) -> list[Outcome]:
    early = [e for topic in self.emits for e in events(topic, event.refs, event.traceparent)]
    if early:
        self.publish(early)
    silent = Runner(self.step, (), self.work, self.publish, self.record)
    return _run(silent, event)


def _acknowledge_unknown_errors(self: Runner, event: Event) -> list[Outcome]:
    try:
        return _run(self, event)
    except RefusedError as refused:
        if not str(refused.outcomes[0].code).startswith("unknown_"):
            raise
        return list(refused.outcomes)


def _forward_changes_only(batch: Batch, *, accounts: Any, users: Any, namespace: Any) -> Outcomes:
    before = users.read([ref.key for ref in batch.refs])
    result = _store_users(batch, accounts=accounts, users=users, namespace=namespace)
    after = users.read([ref.key for ref in batch.refs])
    kept = [
        o if before.get(o.ref.key) != after.get(o.ref.key) else Outcome(o.ref, "gone", "unchanged")
        for o in result.recorded
    ]
    return Outcomes(recorded=kept, unrecorded=result.unrecorded)


_store_users = import_module("functions.users.store_user").store_users


def _claim_behind_a_cursor(self: Outbox, token: str, limit: int, lease_s: int) -> list[Ref]:
    seen = vars(self).setdefault("cursor", 0)
    news = sorted((r.version, at) for at, r in self.rows.items() if r.version > seen and not r.sent)
    for version, at in news:
        vars(self)["cursor"] = version
        self.rows[at].token = token
    return [Ref(*at, version) for version, at in news]


def _older_by_the_clock(row: dict[str, Any], version: int) -> bool:
    return row["origin"] == "core" and row["source_version"] // 8 < version // 8


def _fresh_id(namespace: object, key: str) -> str:
    return str(uuid4())


def _record_without_looking(
    self: MemoryLedger, batch: Batch, outcomes: Sequence[Outcome]
) -> dict[str, int]:
    self.record(batch, outcomes)
    return {}


def _settle_whatever_the_version(self: Outbox, token: str, sent: list[Ref]) -> None:
    for ref in sent:
        row = self.rows[ref.kind, ref.key]
        row.sent, row.token, row.lease_until = True, None, None


def _always_fresh(self: object, batch: Batch, ref: Ref) -> bool:
    return True


def _fresh_notification(namespace: object, kind: str, key: str, version: int) -> str:
    return str(uuid4())


def _nobody(self: object, refs: Sequence[Ref]) -> set[tuple[str, str]]:
    return set()


def _never(*_: object) -> bool:
    return False


def _acknowledge_waiting(self: Runner, event: Event) -> list[Outcome]:
    """A batch of which a part must wait is acknowledged as a whole."""
    result = self._attempt(event, event.refs)
    forward = tuple(o.ref for o in result if o.state in FORWARDED)
    out = [e for topic in self.emits for e in events(topic, forward, event.traceparent)]
    if out:
        self.publish(out)
    waiting = outcomes.with_state(result, "retrying")
    if waiting and len(waiting) == len(result):
        raise RefusedError(waiting)
    return result


def _report_only(found: Finding, known: Standing) -> Finding:
    """The reconciler reports what it finds, and has nothing announced again."""
    return found


def _forget_overdue(**_: object) -> dict[str, int]:
    return {"overdue": 0}


MUTATIONS = {
    "publish before write": Mutation(("shared.runner:Runner.run",), _publish_before_write),
    "acknowledge on unknown error": Mutation(
        ("shared.runner:Runner.run",), _acknowledge_unknown_errors
    ),
    "skip publish when nothing changed": Mutation(
        ("functions.users.store_user:store_users",), _forward_changes_only
    ),
    "id cursor instead of status in the outbox": Mutation(
        ("tests.memory.place:Outbox.claim",), _claim_behind_a_cursor
    ),
    "timestamp guard instead of version guard": Mutation(
        ("tests.memory.supabase_documents:_is_mirror_before",), _older_by_the_clock
    ),
    "fresh ids instead of deterministic ones": Mutation(
        ("shared.ids:prescription_document_id",), _fresh_id
    ),
    "no recheck after an unguarded write": Mutation(
        ("tests.memory.core_stores:MemoryLedger.record_and_recheck",), _record_without_looking
    ),
    "settle what changed after it was claimed": Mutation(
        ("tests.memory.place:Outbox.settle",), _settle_whatever_the_version
    ),
    "no version guard on documents": Mutation(
        ("tests.memory.core_documents:MemoryCoreDocuments._is_fresh",), _always_fresh
    ),
    "a tombstone is not looked for": Mutation(
        ("tests.memory.core_tombstones:MemoryCoreTombstones.buried",), _nobody
    ),
    "a notification under a fresh id": Mutation(
        ("shared.ids:notification_id",), _fresh_notification
    ),
    "a revoked prescription is told all the same": Mutation(
        ("tests.memory.news:is_revoked",), _never
    ),
    "the reconciler repairs nothing": Mutation(
        ("shared.repair.reconciling:_judged",), _report_only
    ),
    "what never came is not sent again": Mutation(
        ("functions.upkeep.retry_failed:send_overdue",), _forget_overdue
    ),
    "what must wait is acknowledged with the rest": Mutation(
        ("shared.runner:Runner.run",), _acknowledge_waiting
    ),
}
