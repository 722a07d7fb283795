"""Core's record of PDF copies, and its links, in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from shared.models.prescriptions import PdfCopy
from tests.memory.core import MemoryCore


class MemoryCorePdfCopies:
    """Reads and notes copies."""

    def __init__(self, core: MemoryCore) -> None:
        self._core = core

    def open(self, ids: Sequence[str], wanted: Sequence[PdfCopy]) -> list[PdfCopy]:
        """Return what is known of these prescriptions' copies, and note the wanted paths."""
        with self._core.effect("core_pdf_copies.open"):
            rows = self._core.pdf_copies
            known = [copy for at, copy in rows.items() if at[0] in ids]
            for copy in wanted:
                rows.setdefault((copy.prescription, copy.path), replace(copy, version=0))
            return known

    def note(self, copies: Sequence[PdfCopy]) -> dict[str, int]:
        """Note what lies at these paths; return the versions that this gives the prescriptions."""
        with self._core.effect("core_pdf_copies.note"):
            still: dict[str, bool] = {}
            for copy in copies:
                at = (copy.prescription, copy.path)
                known = self._core.pdf_copies.get(at)
                if known is None or known.version <= copy.version:
                    self._core.pdf_copies[at] = copy
                    read = self._core.outbox.version("prescription", copy.prescription)
                    before = still.get(copy.prescription, True)
                    still[copy.prescription] = before and read == copy.version
            return self._moved(still)

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


class MemoryCoreLinks:
    """Removes links to deleted entities."""

    def __init__(self, core: MemoryCore) -> None:
        self._core = core

    def remove(self, kind: str, keys: Sequence[str]) -> None:
        """Take the reference to deleted entities out of what patients were told of them."""
        with self._core.effect("core_links.remove"):
            self._core.unlink(kind, keys)
