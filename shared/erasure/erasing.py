"""
Erasures: the order, the same from the HTTP function and the command line; and how each step of the
chain goes through its stores and leaves receipts.

A receipt counts what was erased and what is held, by store, and holds no content. A store that
could not do it is on record as failed until a later run succeeds.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from shared import log
from shared.erasure import sealing
from shared.errors import PermanentError, RequestError, SyncError
from shared.models.erasures import Erasure, Receipt
from shared.outcomes import Outcome, Outcomes, done, failed

if TYPE_CHECKING:
    from uuid import UUID

    from shared.events import Ref
    from shared.runner import Batch

Work = Callable[[Erasure], Iterator[Receipt]]  # one receipt per store, as each is done
_OPERATOR = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{1,63}")
_UID = re.compile(r"[^\s\x00-\x1f\x7f]{1,128}")


class Orders(Protocol):
    """Core's erasures, as an operator uses them."""

    def order(self, uid: str, operator: str | None) -> tuple[str | None, str]: ...


class Certified(Protocol):
    """Core's certified erasures."""

    def due_looks(self, limit: int) -> Sequence[tuple[str, str]]: ...

    def look_again(self, erasure: str, uid: str) -> bool: ...


class Erasures(Protocol):
    """Core's erasures, as a step uses them."""

    def read(self, ids: Sequence[str]) -> dict[str, Erasure]: ...

    def note(
        self, batch: Batch, receipts: Sequence[Receipt], outcomes: Sequence[Outcome]
    ) -> None: ...


def read_order(body: Mapping[str, Any]) -> tuple[str, str]:
    """Return uid and operator. Raise RequestError 422 naming the field and the rule."""
    uid, operator = body.get("uid"), body.get("operator")
    if not isinstance(uid, str) or not _UID.fullmatch(uid):
        raise RequestError(422, "uid", "`uid` must be a Firebase uid")
    if not isinstance(operator, str) or not _OPERATOR.fullmatch(operator):
        raise RequestError(422, "operator", "`operator` must name you in 2-64 of A-Z a-z 0-9 ._@+-")
    return uid, operator


def order(uid: str, operator: str, erasures: Orders) -> dict[str, Any]:
    """
    Order an erasure; return its id and its state, ordered or held. The relay announces it within a
    minute. Raise RequestError 409 for an account that is not a patient's.
    """
    erasure, state = erasures.order(uid, operator)
    if erasure is None:
        raise RequestError(409, "account_is_no_patient", "only patients are erased")
    return {"erasure": erasure, "state": state}


def look_for_the_last_time(erasures: Certified, namespace: UUID, limit: int) -> int:
    """
    Have erasures run once more whose messages of before are all gone from every queue; return how
    many. One that another ID_NAMESPACE sealed is logged, and stays due.
    """
    looks = 0
    for erasure, sealed in erasures.due_looks(limit):
        try:
            uid = sealing.unseal(namespace, erasure, sealed)
        except PermanentError as error:
            log.event("not_looked_into", severity="ERROR", step="retry_failed", code=error.code)
            continue
        looks += erasures.look_again(erasure, uid)
    return looks


def each(batch: Batch, stores: Sequence[str], work: Work, erasures: Erasures) -> Outcomes:
    """Carry out the erasures of a batch, one after the other; `stores` in the order of `work`."""
    found = erasures.read([ref.key for ref in batch.refs])
    receipts: list[Receipt] = []
    outcomes: list[Outcome] = []
    for ref in batch.refs:
        outcome = Outcome(ref, "gone", "erasure_over")  # certified, or on hold
        if ref.key in found:
            given, outcome = _one(ref, found[ref.key], stores, work)
            receipts += given
        outcomes.append(outcome)
    erasures.note(batch, receipts, outcomes)
    return Outcomes(recorded=outcomes)


def _one(
    ref: Ref, erasure: Erasure, stores: Sequence[str], work: Work
) -> tuple[list[Receipt], Outcome]:
    receipts: list[Receipt] = []
    try:
        for receipt in work(erasure):
            receipts.append(receipt)  # noqa: PERF402 - those before an error count
    except SyncError as error:
        receipts.append(Receipt(erasure.id, stores[len(receipts)], failed=error.code))
        return receipts, failed(ref, error)
    return receipts, done(ref)
