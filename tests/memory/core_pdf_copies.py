"""Core's record of PDF copies, in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from shared import ids
from shared.models.prescriptions import PdfCopy, PdfWork
from shared.outcomes import Outcome
from tests.memory.core import MemoryCore, Row
from tests.memory.news import is_revoked

if TYPE_CHECKING:
    from shared.runner import Batch


class MemoryCorePdfCopies:
    """Says what is to be copied, and notes what was."""

    def __init__(self, core: MemoryCore) -> None:
        self._core = core

    def open(self, ids: Sequence[str], bucket: str) -> dict[str, PdfWork]:
        """Return what is to be done for each of these prescriptions, and note the wanted paths."""
        with self._core.effect("core_pdf_copies.open"):
            rows = self._core.prescription_rows
            if gone := [key for key in ids if key not in rows]:
                self._core.unlink("prescription", gone)
            return {key: self._work(key, rows.get(key), bucket) for key in ids}

    def settle(
        self, batch: Batch, outcomes: Sequence[Outcome], copies: Sequence[PdfCopy]
    ) -> tuple[list[Outcome], dict[str, int]]:
        """Note copies and record outcomes, at the versions that this gives the prescriptions."""
        with self._core.effect("core_pdf_copies.settle"):
            versions = self._moved(self._noted(copies))
            final = [
                replace(o, ref=replace(o.ref, version=versions.get(o.ref.key, o.ref.version)))
                for o in outcomes
            ]
            self._core.record(batch.step, batch.traceparent, final)
            now = {o.ref: self._core.outbox.version(o.ref.kind, o.ref.key) for o in final}
            return final, {ref.key: at for ref, at in now.items() if at > ref.version}

    def _work(self, key: str, row: Row | None, bucket: str) -> PdfWork:
        copies = self._core.pdf_copies
        known = tuple(copy for at, copy in sorted(copies.items()) if at[0] == key)
        if row is None:
            return PdfWork(key, known=known)
        uid, revoked = self._core.user_rows[row["user_id"]]["firebase_uid"], is_revoked(row)
        version = self._core.outbox.version("prescription", key)
        wanted, url = None, (row["pdf_url"] or "").strip() and row["pdf_url"]
        refused = "prescription_summary_unreadable" if revoked is None else None
        if revoked is False and uid is not None and url:
            home = ids.folder(bucket, uid)
            refused = None if home else "uid_not_a_folder"
            wanted = home and PdfCopy(key, f"{home}prescriptions/{key}.pdf", uid, version)
        if wanted:
            copies.setdefault((key, wanted.path), replace(wanted, version=0))
        return PdfWork(key, version, bool(revoked), wanted or None, url if wanted else None,
                       refused, known)  # fmt: skip

    def _noted(self, copies: Sequence[PdfCopy]) -> dict[str, bool]:
        """Note copies; tell of their prescriptions whether they are still what was read."""
        still: dict[str, bool] = {}
        for copy in copies:
            at = (copy.prescription, copy.path)
            known = self._core.pdf_copies.get(at)
            if known is None or known.version <= copy.version:
                self._core.pdf_copies[at] = copy
                read = self._core.outbox.version("prescription", copy.prescription)
                before = still.get(copy.prescription, True)
                still[copy.prescription] = before and read == copy.version
        return still

    def _moved(self, still: dict[str, bool]) -> dict[str, int]:
        """Move the versions of all, and tell those of prescriptions that had not moved before."""
        told: dict[str, int] = {}
        for key, unmoved in still.items():
            row = self._core.outbox.rows.get(("prescription", key))
            if row:
                row.version = self._core.next_version()
                if unmoved:
                    told[key] = row.version
        return told
