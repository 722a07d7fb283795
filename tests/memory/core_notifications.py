"""What patients were told, in memory: `sync.told`, `sync.notifications`, core's `notifications`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from shared.models.notices import Claim, Telling
from shared.outcomes import Outcome
from shared.repair.canary import is_canary
from tests.memory.core import MemoryCore, Row
from tests.memory.news import News, news_of

if TYPE_CHECKING:
    from shared.notices.notifying import Delivery
    from shared.runner import Batch

LEASE_S = 120


class MemoryCoreNotifications:
    """Claims news and settles what became of it."""

    def __init__(self, core: MemoryCore) -> None:
        self._core = core

    def claim(self, batch: Batch, kind: str) -> Telling:
        """Take note of how a batch's entities stand; return what is still to be told of them."""
        with self._core.effect("core_notifications.claim"):
            keys = sorted({ref.key for ref in batch.refs})
            read = {key: news_of(self._core, kind, key) for key in keys}
            standing = {key: news for key, news in read.items() if news}
            untold = {key: why for key, news in standing.items() if (why := _why_untold(news))}
            self._leave(kind, standing)
            claims: list[Claim] = []
            for key in [key for key in standing if key not in untold]:
                self._note(kind, standing[key])
                claims += self._taken(kind, key, batch.traceparent[3:35])
            return Telling(
                {key: news.version for key, news in standing.items()},
                untold,
                claims,
                self._withdrawn(kind, [k for k in keys if not (read[k] and standing[k].holds)]),
            )

    def _leave(self, kind: str, standing: Mapping[str, News]) -> None:
        """End the open claims of whoever had an entity before."""
        for at, row in self._core.claims.items():
            news = standing.get(at[1]) if at[0] == kind and row["state"] == "claimed" else None
            if news is not None and row["uid"] != news.uid:
                row |= {"state": "unsent", "code": "patient_changed", "holder": None}

    def _taken(self, kind: str, key: str, holder: str) -> list[Claim]:
        """Take hold of an entity's open claims, unless another message works on them."""
        claims: list[Claim] = []
        now = self._core.clock()
        for at, row in sorted(self._core.claims.items()):
            if at[:2] == (kind, key) and row["state"] == "claimed":
                free = row["holder"] in {None, holder} or row["lease_until"] < now
                if free:
                    row |= {"holder": holder, "lease_until": now + LEASE_S}
                    row["attempts"] += 1
                claims.append(_claim(at, row, held=not free))
        return claims

    def _withdrawn(self, kind: str, gone: Sequence[str]) -> list[Claim]:
        """Unlink what was told of papers that hold no more; return all of it, open or not."""
        told: list[Claim] = []
        if kind == "appointment":
            return told
        self._core.unlink(kind, gone)
        for at, row in sorted(self._core.claims.items()):
            if at[0] == kind and at[1] in gone:
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


def _why_untold(news: News) -> str | None:
    if news.uid is None:
        return "patient_without_sign_in"
    if news.state is None:
        return "prescription_summary_unreadable"
    return "canary" if is_canary(news.uid) else None


def _claim(at: tuple[str, str, int], row: Row, *, held: bool) -> Claim:
    fields = {k: row[k] for k in ("what", "uid", "appointment_id", "created_at", "reached")}
    return Claim(key=at[1], version=at[2], held=held, **fields)
