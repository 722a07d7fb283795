"""Core's tombstones: which entities belong to erased patients."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from shared.erasure.tombstones import asking_along
from shared.stores.core import BURIED, asked

if TYPE_CHECKING:
    from shared.events import Ref
    from shared.stores.core import CoreDatabase

_REOPEN = "select sync.reopen_erasures(%(uids)s::text[])"


class CoreTombstones:
    """Recognises what was erased. Raises TransientError when core cannot answer."""

    def __init__(self, core: CoreDatabase) -> None:
        self._core = core

    def buried(self, refs: Sequence[Ref]) -> set[tuple[str, str]]:
        """Return kind and key of those that belong to erased patients."""
        return {(r["kind"], r["key"]) for r in self._core.read(BURIED, asked(refs))}

    @contextmanager
    def asked_along(self, refs: Sequence[Ref]) -> Generator[None]:
        """Have the first use of core inside ask; it raises BuriedError if any is buried."""
        with asking_along(refs):
            yield

    def reopen(self, uids: Sequence[str]) -> None:
        """Have certified erasures of these patients run once more."""
        self._core.write(_REOPEN, {"uids": list(uids)})
