"""Erasures in core: orders, the erasing, receipts and certificates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

from shared.models.erasures import Erasure, Receipt
from shared.stores.ledger import parameters

if TYPE_CHECKING:
    from shared.events import Ref
    from shared.outcomes import Outcome
    from shared.runner import Batch
    from shared.stores.core import CoreDatabase, Row

_ORDER = "select erasure, state from sync.order_erasure(%(uid)s, %(operator)s)"
_HOLD = """
insert into sync.legal_holds (uid, reason, operator) values (%(uid)s, %(reason)s, %(operator)s)
on conflict (uid) do update set reason = excluded.reason, operator = excluded.operator
returning uid
"""
_RELEASE = "delete from sync.legal_holds where uid = %(uid)s returning uid"
_READ = """
select e.id, e.uid, coalesce(e.user_id, u.id) as user_id, e.operator is not null as by_operator,
       e.round, e.last_look,
       extract(epoch from clock_timestamp() - greatest(e.ordered_at, e.buried_at))::float8 as age_s,
       array(select unnest(e.visits)
             union select a.id from appointments a
                   where a.patient_id = coalesce(e.patient_id, p.id) order by 1) as visits
from sync.erasures e
left join users u on u.firebase_uid = e.uid
left join patients p on p.user_id = u.id
where e.id = any(%(ids)s) and e.state = 'ordered' and e.uid is not null
"""
_BURY = "select sync.bury(%(id)s, %(refs)s)"
_ERASE = "select sync.erase_patient(%(id)s) as became"
_REMAINS = "select sync.patient_remains(%(id)s) as rows"
_OWNERS = "select kind, key, erasure from sync.buried(%(refs)s)"
_END = "select sync.end_round(%(id)s, %(found)s, %(sealed)s, %(again_s)s) as state"
_DUE = "select erasure, sealed from sync.due_looks(%(limit)s)"
_LOOK_AGAIN = "select sync.look_again(%(id)s, %(uid)s) as looks"

# The receipts and the ledger in one statement; two scalar subqueries, so that both are evaluated.
_NOTE = """
select (select sync.note_receipts(%(receipts)s)) as noted,
       (select sync.record(%(step)s, %(trace)s, %(revision)s, %(outcomes)s)) as recorded
"""
_RECEIPTS = """
select id, state, round, operator, ordered_at, certified_at, receipts from sync.erasures
where id = %(id)s or id = sync.alias('user', %(id)s)
"""


class CoreErasures:
    """Keeps erasures. Raises TransientError when core cannot be reached."""

    def __init__(self, core: CoreDatabase) -> None:
        self._core = core

    def order(self, uid: str, operator: str | None) -> tuple[str | None, str]:
        """
        Order a patient's erasure: buried at once, announced by the outbox. Return its id and its
        state: ordered, held (a legal hold), or refused (the account is no patient's; no id).
        """
        row = self._core.write(_ORDER, {"uid": uid, "operator": operator}, lock=[f"user/{uid}"])[0]
        return row["erasure"], row["state"]

    def hold(self, uid: str, reason: str, operator: str) -> None:
        """Put a patient under legal hold."""
        self._core.write(_HOLD, {"uid": uid, "reason": reason, "operator": operator})

    def release(self, uid: str) -> bool:
        """Take the legal hold off; return whether there was one."""
        return bool(self._core.write(_RELEASE, {"uid": uid}))

    def read(self, ids: Sequence[str]) -> dict[str, Erasure]:
        """Return the erasures that are to be carried out, by id; not those that are certified."""
        rows = self._core.read(_READ, {"ids": list(ids)})
        return {row["id"]: _erasure(row) for row in rows}

    def bury(self, erasure: str, refs: Sequence[Ref]) -> None:
        """Bury entities of the patient that core did not know of."""
        self._core.write(_BURY, {"id": erasure, "refs": Jsonb(_refs(refs))})

    def erase(self, erasure: str) -> dict[str, int]:
        """
        Erase the patient in core, or empty what the policy keeps. Return {erased, held, originals}:
        rows; visits kept; and the prescriptions whose PDF lies in the backend's own S3.
        """
        return self._core.write(_ERASE, {"id": erasure})[0]["became"]

    def remains(self, erasure: str) -> int:
        """Return how many rows of core still tell of the patient."""
        return self._core.read(_REMAINS, {"id": erasure})[0]["rows"]

    def owners(self, refs: Sequence[Ref]) -> dict[tuple[str, str], str]:
        """Return the erasure of those that belong to erased patients, by kind and key."""
        rows = self._core.read(_OWNERS, {"refs": Jsonb(_refs(refs))})
        return {(row["kind"], row["key"]): row["erasure"] for row in rows}

    def end_round(self, erasure: str, found: int, sealed: str, again_s: float) -> str:
        """
        Certify if nothing was found, with the uid sealed for a last look in so many seconds, unless
        this was the last; else announce the erasure once more. Return its state.
        """
        values = {"id": erasure, "found": found, "sealed": sealed, "again_s": again_s}
        return self._core.write(_END, values)[0]["state"]

    def due_looks(self, limit: int) -> list[tuple[str, str]]:
        """Return certified erasures whose last look is due, each with its sealed uid."""
        rows = self._core.read(_DUE, {"limit": limit})
        return [(row["erasure"], row["sealed"]) for row in rows]

    def look_again(self, erasure: str, uid: str) -> bool:
        """Have a certified erasure run for the last time; return whether it does."""
        return self._core.write(_LOOK_AGAIN, {"id": erasure, "uid": uid})[0]["looks"]

    def note(self, batch: Batch, receipts: Sequence[Receipt], outcomes: Sequence[Outcome]) -> None:
        """Write receipts and outcomes."""
        rows = [_receipt(receipt) for receipt in receipts]
        self._core.write(_NOTE, parameters(batch, outcomes) | {"receipts": Jsonb(rows)})

    def find(self, key: str) -> dict[str, Any] | None:
        """Return an erasure by its id or by the uid: state, times, operator, round, receipts."""
        rows = self._core.read(_RECEIPTS, {"id": key})
        return rows[0] if rows else None


def _erasure(row: Row) -> Erasure:
    return Erasure(
        id=row["id"],
        uid=row["uid"],
        user_id=row["user_id"],
        visits=tuple(row["visits"]),
        by_operator=row["by_operator"],
        round=row["round"],
        age_s=row["age_s"],
        last_look=row["last_look"],
    )


def _refs(refs: Sequence[Ref]) -> list[dict[str, Any]]:
    return [{"kind": ref.kind, "key": ref.key} for ref in refs]


def _receipt(receipt: Receipt) -> dict[str, Any]:
    return {
        "erasure": receipt.erasure,
        "store": receipt.store,
        "state": "failed" if receipt.failed else "held" if receipt.waits else None,
        "erased": receipt.erased,
        "held": receipt.held,
        "code": receipt.failed or receipt.code,
    }
