"""The ledger, core's outbox and core's prescriptions, in memory."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from shared.events import Ref
from shared.models.conflicts import OpenConflict
from shared.models.prescriptions import Prescription
from shared.outcomes import Outcome
from shared.papers.prescription_summary import summary_of
from tests.memory.core import MemoryCore, Row, digits
from tests.memory.news import is_revoked

if TYPE_CHECKING:
    from shared.runner import Batch

DOCTOR = ("doctor-1", "Asha Rao")  # every prescription's


class MemoryLedger:
    """Writes outcomes and tells what has moved on."""

    def __init__(self, core: MemoryCore) -> None:
        self._core = core

    def record(self, batch: Batch, outcomes: Sequence[Outcome]) -> None:
        """Write the outcomes of a batch."""
        if outcomes:
            with self._core.effect("ledger.record"):
                self._core.record(batch.step, batch.traceparent, outcomes)

    def record_and_recheck(self, batch: Batch, outcomes: Sequence[Outcome]) -> dict[str, int]:
        """Record, and return the entities that have moved on, with their newer version."""
        with self._core.effect("ledger.record_and_recheck"):
            self._core.record(batch.step, batch.traceparent, outcomes)
            now = {o.ref: self._core.outbox.version(o.ref.kind, o.ref.key) for o in outcomes}
            return {ref.key: version for ref, version in now.items() if version > ref.version}

    def announced(self, batch: Batch) -> None:
        """Note in the journal that a caller announced entities."""
        with self._core.effect("ledger.announced"):
            self._core.note_announced(batch.step, batch.traceparent, batch.refs)

    def last_codes(self, step: str, kind: str, keys: Sequence[str]) -> dict[str, str]:
        """Return why each of these entities was last refused or parked in a step."""
        with self._core.effect("ledger.last_codes"):
            rows = {key: self._core.ledger_rows.get((kind, key, step)) for key in keys}
            return {
                key: row.error_code
                for key, row in rows.items()
                if row and row.state in {"retrying", "parked"} and row.error_code
            }

    def pause(self, step: str, refs: Sequence[Ref]) -> float:
        """Return for how many more seconds a provider asked the step to wait."""
        with self._core.effect("ledger.pause"):
            rows = [self._core.ledger_rows.get((ref.kind, ref.key, step)) for ref in refs]
            until = [r.next_retry_at for r in rows if r and r.state == "retrying"]
            return max([0.0, *(at - self._core.clock() for at in until if at is not None)])


class MemoryCoreOutbox:
    """Claims and settles core's outbox rows."""

    def __init__(self, core: MemoryCore) -> None:
        self._core = core

    def claim(self, token: str, limit: int, lease_s: int) -> list[Ref]:
        """Lease unsent rows."""
        with self._core.effect("core_outbox.claim"):
            claimed = self._core.outbox.claim(token, limit, lease_s)
            for ref in claimed:
                self._core.awaited.follow(ref.kind, ref.key, "relay_core_outbox", "announced")
            return claimed

    def settle(self, token: str, sent: Sequence[Ref]) -> None:
        """Mark rows as sent."""
        with self._core.effect("core_outbox.settle"):
            self._core.outbox.settle(token, list(sent))

    def announce_again(self, kind: str, keys: Sequence[str]) -> int:
        """Mark entities unsent, at a new version."""
        with self._core.effect("core_outbox.announce_again"):
            return self._announce_again(kind, keys)

    def announce_page(self, kind: str, after: str | None, limit: int) -> tuple[str | None, int]:
        """Mark the next page of a kind unsent."""
        with self._core.effect("core_outbox.announce_page"):
            uids = {row["firebase_uid"] for row in self._core.user_rows.values()} - {None}
            keys = {"user": uids, "prescription": set(self._core.prescription_rows)}[kind]
            page = sorted(key for key in keys if key > (after or ""))[:limit]
            return (page[-1] if page else None), self._announce_again(kind, page)

    def purge(self, days: int, limit: int) -> int:
        """Forget deletions announced long ago."""
        with self._core.effect("core_outbox.purge"):
            return self._core.outbox.purge(days, limit)

    def _announce_again(self, kind: str, keys: Sequence[str]) -> int:
        for key in sorted(set(keys)):
            row = self._core.outbox.rows.get((kind, key))
            version, deleted = self._core.next_version(), bool(row and row.deleted)
            self._core.outbox.note(kind, key, version, deleted=deleted)
        return len(set(keys))


class MemoryCorePrescriptions:
    """Reads prescriptions."""

    def __init__(self, core: MemoryCore) -> None:
        self._core = core

    def read(self, ids: Sequence[str]) -> dict[str, Prescription]:
        """Return the prescriptions that exist, by id."""
        with self._core.effect("core_prescriptions.read"):
            rows = self._core.prescription_rows
            return {key: self._prescription(rows[key]) for key in ids if key in rows}

    def _prescription(self, row: Row) -> Prescription:
        doctor_id, doctor = DOCTOR
        uid = self._core.user_rows[row["user_id"]]["firebase_uid"]
        source = hashlib.sha256((row["pdf_url"] or "").encode()).hexdigest()
        copies = self._core.pdf_copies.values()
        summary = summary_of(row["summary"])
        return Prescription(
            id=row["id"],
            uid=uid,
            appointment_id=f"appointment-{row['id']}",
            doctor=doctor,
            doctor_id=doctor_id,
            pdf_url=row["pdf_url"],
            summary=summary,
            created_at=row["created_at"],
            version=self._core.outbox.version("prescription", row["id"]),
            revoked=bool(is_revoked(row)),
            file_url=next(
                (
                    copy.path
                    for copy in copies
                    if (copy.prescription, copy.owner, copy.source) == (row["id"], uid, source)
                    and copy.copy_etag
                ),
                None,
            ),
        )


class MemoryCoreConflicts:
    """Lists and closes conflicts."""

    def __init__(self, core: MemoryCore) -> None:
        self._core = core

    def open(self) -> list[OpenConflict]:
        """Return the conflicts that wait for a decision, oldest first."""
        with self._core.effect("core_conflicts.open"):
            return [self._conflict(c) for c in self._core.all_conflicts if not c["resolution"]]

    def find(self, conflict_id: int) -> OpenConflict | None:
        """Return one conflict, decided or not."""
        with self._core.effect("core_conflicts.find"):
            rows = [c for c in self._core.all_conflicts if c["id"] == conflict_id]
            return self._conflict(rows[0]) if rows else None

    def claim(self, rest_s: float, limit: int) -> list[tuple[str, Ref]]:
        """Take open conflicts whose holder has moved, or that rested for so many seconds."""
        with self._core.effect("core_conflicts.claim"):
            now = self._core.clock()
            waiting = [c for c in self._core.all_conflicts if c["resolution"] is None]
            due = [
                c for c in waiting if c["looked_at"] < now - rest_s or self._moved(c) > c["as_of"]
            ]
            for row in due[:limit]:
                row |= {"looked_at": now, "as_of": self._core.next_version()}
            return [(c["at"][2], Ref(*c["at"][:2])) for c in due[:limit]]

    def _moved(self, row: Row) -> int:
        """Return the version that the conflict's holder has reached."""
        holder = self._core.user_rows.get(row["other"])
        return self._core.outbox.version("user", holder["firebase_uid"]) if holder else 0

    def decide(
        self, conflict: OpenConflict, decision: str, operator: str, value: str | None
    ) -> None:
        """Close an open conflict, and do in core what the decision says."""
        with self._core.effect("core_conflicts.decide"):
            found = next(c for c in self._core.all_conflicts if c["id"] == conflict.id)
            if found["resolution"] is not None:
                return
            self._core.close_conflict(found["at"], decision)
            found["operator"] = operator
            other = self._core.user_rows.get(conflict.other)
            if decision == "give_to_this":
                self._give(conflict, other, value)
            keys = {conflict.key, other["firebase_uid"] if other else None} - {None}
            done = [
                Outcome(Ref("user", str(key)), "done", decision) for key in sorted(map(str, keys))
            ]
            self._core.record("decide_conflict", "", done)

    def _give(self, conflict: OpenConflict, other: Row | None, value: str | None) -> None:
        this = self._core.user_by_uid(conflict.key)
        if conflict.field == "role" and this:
            self._core.change_user(this | {"role": "DOCTOR"}, ours=True)
        elif conflict.step == "store_user" and other and value:
            normal = str.lower if conflict.field == "email" else digits
            if normal(other[conflict.field] or "") == normal(value):
                self._core.change_user(other | {conflict.field: None}, ours=True)

    def _conflict(self, row: Row) -> OpenConflict:
        other = self._core.user_rows.get(row["other"])
        uid = other["firebase_uid"] if other else None
        kind, key, step, field = row["at"]
        return OpenConflict(row["id"], kind, key, step, field, row["other"], uid, row["resolution"])
