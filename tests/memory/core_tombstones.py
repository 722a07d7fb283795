"""Core's tombstones in memory: they recognise what was erased."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from shared.erasure.tombstones import BuriedError, askable
from shared.events import Ref
from tests.memory import core_erasing
from tests.memory.core import MemoryCore
from tests.memory.place import alias

if TYPE_CHECKING:
    pass


class MemoryCoreTombstones:
    """Recognises what was erased."""

    def __init__(self, core: MemoryCore) -> None:
        self._core = core

    def buried(self, refs: Sequence[Ref]) -> set[tuple[str, str]]:
        """Return kind and key of those that belong to erased patients."""
        with self._core.effect("core_tombstones.buried"):
            return {(r.kind, r.key) for r in refs if alias(r.kind, r.key) in self._core.tombstones}

    @contextmanager
    def asked_along(self, refs: Sequence[Ref]) -> Generator[None]:
        """Ask at once: in memory there is no round trip to spare."""
        if self.buried(askable(refs)):
            raise BuriedError
        yield

    def reopen(self, uids: Sequence[str]) -> None:
        """Have certified erasures of these patients run once more."""
        with self._core.effect("core_tombstones.reopen"):
            for uid in uids:
                row = self._core.erasure_rows.get(alias("user", uid))
                held = uid in self._core.legal_holds
                if row and row["state"] == "certified" and not held:
                    row |= {"uid": uid, "state": "ordered", "round": 1, **core_erasing.UNWATCHED}
                    core_erasing.announce(self._core, alias("user", uid))
