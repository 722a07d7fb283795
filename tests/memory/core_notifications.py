"""What patients were told, in memory: `sync.told`, `sync.notifications`, core's `notifications`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from shared.models.notices import Claim, News
from shared.outcomes import Outcome
from tests.memory.core import MemoryCore, Row

if TYPE_CHECKING:
    from shared.notices.notifying import Delivery
    from shared.runner import Batch

LEASE_S = 120


class MemoryCoreNotifications:
    """Claims news and settles what became of it."""

    def __init__(self, core: MemoryCore) -> None:
        self._core = core

    def claim(self, batch: Batch, kind: str, news: Sequence[News]) -> list[Claim]:
        """Take note of how things stand; return what is still to be told of these entities."""
        with self._core.effect("core_notifications.claim"):
            holder, now = batch.traceparent[3:35], self._core.clock()
            claims: list[Claim] = []
            for item in sorted(news, key=lambda n: n.key):
                self._note(kind, item)
                for at, row in sorted(self._core.claims.items()):
                    if at[:2] == (kind, item.key) and row["state"] == "claimed":
                        free = row["holder"] in {None, holder} or row["lease_until"] < now
                        if free:
                            row |= {"holder": holder, "lease_until": now + LEASE_S}
                            row["attempts"] += 1
                        claims.append(_claim(at, row, held=not free))
            return claims

    def withdraw(self, kind: str, versions: Mapping[str, int]) -> list[Claim]:
        """Unlink what was told of entities at these versions or before; return it, open or not."""
        with self._core.effect("core_notifications.withdraw"):
            for row in self._core.notification_rows.values():
                key = row["metadata"].get("id")
                if row["metadata"]["kind"] == kind and key in versions:
                    newest = max(at[2] for at in self._core.claims if at[:2] == (kind, key))
                    if newest <= versions[key]:
                        del row["metadata"]["id"]
            told: list[Claim] = []
            for at, row in sorted(self._core.claims.items()):
                if at[0] == kind and at[2] <= versions.get(at[1], -1):
                    row["withdrawn"] = True
                    told.append(_claim(at, row, held=row["state"] == "claimed"))
            return told

    def settle(
        self, batch: Batch, kind: str, deliveries: Sequence[Delivery], outcomes: Sequence[Outcome]
    ) -> None:
        """Write how far each claim got, the backend's rows, and the outcomes."""
        with self._core.effect("core_notifications.settle"):
            for delivery in deliveries:
                claim = delivery.claim
                row = self._core.claims[kind, claim.key, claim.version]
                if row["state"] == "claimed":
                    row |= {"state": delivery.state, "code": delivery.code, "holder": None}
                    row |= {"reached": delivery.reached, "lease_until": None}
                self._note_row(kind, delivery)
            self._core.record(batch.step, batch.traceparent, outcomes)

    def _note(self, kind: str, item: News) -> None:
        told = self._core.told.get((kind, item.key))
        papers = {
            "document": self._core.document_rows,
            "prescription": self._core.prescription_rows,
        }
        if item.key not in papers.get(kind, {item.key}):
            return
        if told and told["version"] >= item.version:
            return
        before = told["state"] if told and told["uid"] == item.uid else ""
        self._core.told[kind, item.key] = {
            "uid": item.uid, "state": item.state, "version": item.version,
        }  # fmt: skip
        what = item.later if before else item.first
        if item.state != before and what is not None:
            self._core.claims[kind, item.key, item.version] = {
                "what": what,
                "uid": item.uid,
                "appointment_id": item.appointment_id,
                "created_at": datetime.now(UTC),
                "state": "claimed",
                "code": None,
                "attempts": 0,
                "reached": frozenset[str](),
                "withdrawn": False,
                "holder": None,
                "lease_until": None,
            }

    def _note_row(self, kind: str, delivery: Delivery) -> None:
        claim = delivery.claim
        known = self._core.notification_rows.get(delivery.id, {"status": None})
        user = self._core.user_by_uid(claim.uid)
        if user is None or known["status"] == "SENT":
            return
        metadata = {"kind": kind, "id": claim.key, "code": delivery.code}
        if self._core.claims[kind, claim.key, claim.version]["withdrawn"]:
            del metadata["id"]
        self._core.notification_rows[delivery.id] = {
            "user_id": user["id"],
            "type": f"{kind}_{claim.what}".upper(),
            "status": "PENDING" if delivery.state == "claimed" else delivery.state.upper(),
            "metadata": {k: v for k, v in metadata.items() if v is not None},
        }


def _claim(at: tuple[str, str, int], row: Row, *, held: bool) -> Claim:
    fields = {k: row[k] for k in ("what", "uid", "appointment_id", "created_at", "reached")}
    return Claim(key=at[1], version=at[2], held=held, **fields)
