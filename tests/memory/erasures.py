"""
Core's erasures in memory: orders, receipts and certificates.

Kept records lose their person by the ids alone: what SQL takes out of free text is its own test's.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from shared.events import Ref
from shared.models.erasures import Erasure, Receipt
from shared.outcomes import Outcome
from tests.memory import core_erasing
from tests.memory.core import MemoryCore, Row
from tests.memory.place import alias

if TYPE_CHECKING:
    from shared.runner import Batch

KEPT_FOR = timedelta(days=3 * 365)
NOTHING = {"erased": 0, "held": 0, "originals": 0}


class MemoryCoreErasures:
    """Keeps erasures."""

    def __init__(self, core: MemoryCore) -> None:
        self._core = core

    def order(self, uid: str, operator: str | None) -> tuple[str | None, str]:
        """Order a patient's erasure."""
        with self._core.effect("core_erasures.order"):
            user = self._core.user_by_uid(uid)
            if user and (user["role"] != "PATIENT" or user["id"] in self._core.doctor_rows):
                return None, "refused"
            key, held = alias("user", uid), uid in self._core.legal_holds
            known = self._core.erasure_rows.get(key)
            if known is None or known["state"] != "ordered":
                self._core.erasure_rows[key] = {
                    "uid": uid,
                    "user_id": user["id"] if user else (known or {}).get("user_id"),
                    "operator": operator or (known or {}).get("operator"),
                    "state": "held" if held else "ordered",
                    "round": 1,
                    "receipts": self._receipts(known, held=held),
                    "ordered_at": self._core.clock(),
                    "buried_at": self._core.clock(),
                    "visits": (known or {}).get("visits", set()),
                    **core_erasing.UNWATCHED,
                }
                core_erasing.announce(self._core, key)
            if not held:
                self._bury(key, core_erasing.entities_of(self._core, uid))
            return key, self._core.erasure_rows[key]["state"]

    def hold(self, uid: str, reason: str, operator: str) -> None:
        """Put a patient under legal hold."""
        with self._core.effect("core_erasures.hold"):
            self._core.legal_holds[uid] = f"{operator}: {reason}"
            row = self._core.erasure_rows.get(alias("user", uid))
            if row and row["state"] == "ordered":
                row |= {"state": "held", "receipts": self._receipts(row, held=True)}

    def release(self, uid: str) -> bool:
        """Take the legal hold off."""
        with self._core.effect("core_erasures.release"):
            return self._core.legal_holds.pop(uid, None) is not None

    def read(self, ids: Sequence[str]) -> dict[str, Erasure]:
        """Return the erasures that are to be carried out."""
        with self._core.effect("core_erasures.read"):
            rows = {key: self._core.erasure_rows.get(key) for key in ids}
            return {
                key: self._erasure(key, row)
                for key, row in rows.items()
                if row and row["state"] == "ordered" and row["uid"]
            }

    def bury(self, erasure: str, refs: Sequence[Ref]) -> None:
        """Bury entities of the patient that core did not know of."""
        with self._core.effect("core_erasures.bury"):
            self._bury(erasure, [(ref.kind, ref.key) for ref in refs])

    def erase(self, erasure: str) -> dict[str, int]:
        """Erase the patient in core."""
        with self._core.effect("core_erasures.erase"):
            row = self._core.erasure_rows[erasure]
            if row["state"] != "ordered":
                return dict(NOTHING)
            user = self._core.user_by_uid(row["uid"])
            row["user_id"] = row["user_id"] or (user["id"] if user else None)
            return self._erase(erasure, row["uid"], row["user_id"])

    def remains(self, erasure: str) -> int:
        """Return how many rows of core still tell of the patient."""
        with self._core.effect("core_erasures.remains"):
            row = self._core.erasure_rows[erasure]
            return len(core_erasing.rows_about(self._core, row["uid"], row["user_id"]))

    def owners(self, refs: Sequence[Ref]) -> dict[tuple[str, str], str]:
        """Return the erasure of those that belong to erased patients, by kind and key."""
        with self._core.effect("core_erasures.owners"):
            known = {(r.kind, r.key): alias(r.kind, r.key) for r in refs}
            return {at: self._core.tombstones[a] for at, a in known.items()
                    if a in self._core.tombstones}  # fmt: skip

    def due_looks(self, limit: int) -> list[tuple[str, str]]:
        """Return certified erasures whose last look is due, each with its sealed uid."""
        with self._core.effect("core_erasures.due_looks"):
            return [
                (key, row["sealed"])
                for key, row in self._core.erasure_rows.items()
                if row["sealed"] and row["look_again_at"] <= self._core.clock()
            ][:limit]

    def look_again(self, erasure: str, uid: str) -> bool:
        """Have a certified erasure run for the last time."""
        with self._core.effect("core_erasures.look_again"):
            row = self._core.erasure_rows[erasure]
            if erasure != alias("user", uid) or not row["sealed"] or uid in self._core.legal_holds:
                return False
            row |= {
                "uid": uid,
                "state": "ordered",
                "round": 1,
                **core_erasing.UNWATCHED,
                "last_look": True,
            }
            core_erasing.announce(self._core, erasure)
            return True

    def end_round(self, erasure: str, found: int, sealed: str, again_s: float) -> str:
        """Certify if nothing was found, else announce the erasure once more."""
        with self._core.effect("core_erasures.end_round"):
            row = self._core.erasure_rows[erasure]
            if row["state"] == "ordered":
                if found:
                    row["round"] += 1
                    core_erasing.announce(self._core, erasure)
                else:
                    row |= {"state": "certified", "uid": None, "visits": set()}
                    if not row["last_look"]:
                        row["sealed"], again = sealed, self._core.clock() + again_s
                        row["look_again_at"] = again
            return row["state"]

    def note(self, batch: Batch, receipts: Sequence[Receipt], outcomes: Sequence[Outcome]) -> None:
        """Write receipts and outcomes."""
        with self._core.effect("core_erasures.note"):
            for receipt in receipts:
                noted = self._core.erasure_rows[receipt.erasure]["receipts"]
                noted[receipt.store] = _receipt(noted.get(receipt.store, {}), receipt)
            self._core.record(batch.step, batch.traceparent, outcomes)

    def find(self, key: str) -> dict[str, Any] | None:
        """Return an erasure by its id or by the uid."""
        with self._core.effect("core_erasures.find"):
            rows = self._core.erasure_rows
            found = key if key in rows else alias("user", key)
            return {"id": found, **rows[found]} if found in rows else None

    def _erasure(self, key: str, row: Row) -> Erasure:
        user = self._core.user_by_uid(row["uid"])
        user_id = row["user_id"] or (user["id"] if user else None)
        visits = {k for k, v in self._core.appointment_rows.items() if v["user_id"] == user_id}
        return Erasure(
            id=key,
            uid=row["uid"],
            user_id=user_id,
            visits=tuple(sorted(visits | row["visits"])),
            by_operator=row["operator"] is not None,
            round=row["round"],
            age_s=self._core.clock() - row["buried_at"],
            last_look=row["last_look"],
        )

    def _receipts(self, known: Row | None, *, held: bool) -> Row:
        """Counts of an earlier order stay: what was erased is told once, whoever asks again."""
        counts = {k: v for k, v in (known or {"receipts": {}})["receipts"].items() if k != "all"}
        return counts | ({"all": {"state": "held", "code": "legal_hold"}} if held else {})

    def _bury(self, erasure: str, entities: Sequence[tuple[str, str]]) -> int:
        buried = {alias(kind, key) for kind, key in entities} - self._core.tombstones.keys()
        self._core.tombstones |= dict.fromkeys(buried, erasure)
        row = self._core.erasure_rows[erasure]
        row["visits"] = row["visits"] | {key for kind, key in entities if kind == "appointment"}
        if buried:
            row["buried_at"] = self._core.clock()
        return core_erasing.forget_entities(self._core, set(entities))

    def _erase(self, erasure: str, uid: str, user_id: str | None) -> dict[str, int]:
        core = self._core
        erased = self._bury(erasure, core_erasing.entities_of(core, uid, user_id))
        kept, originals = self._kept(user_id)
        erased += core_erasing.erase_user(core, uid, user_id, kept)
        return {"erased": erased, "held": len(kept), "originals": originals}

    def _kept(self, user_id: str | None) -> tuple[set[tuple[str, str]], int]:
        core, since = self._core, datetime.now(UTC) - KEPT_FOR
        visits = {
            ("appointment", key)
            for key, row in core.appointment_rows.items()
            if row["user_id"] == user_id
            and row["status"] in {"STARTED", "COMPLETED"}
            and row["start"] > since
        }
        papers = {k: r for k, r in core.prescription_rows.items() if r["user_id"] == user_id}
        recent = {
            ("prescription", key)
            for key, row in papers.items()
            if datetime.fromisoformat(row["created_at"]) > since
        }
        originals = sum(row["pdf_url"] is not None for row in papers.values())
        return visits | recent, originals


def _receipt(before: Row, receipt: Receipt) -> Row:
    erased = before.get("erased", 0) + receipt.erased
    held = max(before.get("held", 0), receipt.held)
    state = "failed" if receipt.failed else "erased" if erased else "none"
    state = "held" if receipt.waits or (held and not receipt.failed) else state
    why = before.get("code") if before.get("state") == "held" and held else None
    code = receipt.failed or receipt.code or why
    noted = {"state": state, "erased": erased, "held": held, "code": code}
    return {name: value for name, value in noted.items() if value is not None}
