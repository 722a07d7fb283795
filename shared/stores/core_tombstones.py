"""Core's tombstones: which entities belong to erased patients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from psycopg.types.json import Jsonb

from shared.events import Ref

if TYPE_CHECKING:
    from shared.stores.core import CoreDatabase

_BURIED = "select kind, key from sync.buried(%(refs)s)"
_REOPEN = "select sync.reopen_erasures(%(uids)s::text[])"


class CoreTombstones:
    """Recognises what was erased. Raises TransientError when core cannot answer."""

    def __init__(self, core: CoreDatabase) -> None:
        self._core = core

    def buried(self, refs: Sequence[Ref]) -> set[tuple[str, str]]:
        """Return kind and key of those that belong to erased patients."""
        rows = [{"kind": ref.kind, "key": ref.key} for ref in refs]
        return {(r["kind"], r["key"]) for r in self._core.read(_BURIED, {"refs": Jsonb(rows)})}

    def reopen(self, uids: Sequence[str]) -> None:
        """Have certified erasures of these patients run once more."""
        self._core.write(_REOPEN, {"uids": list(uids)})
