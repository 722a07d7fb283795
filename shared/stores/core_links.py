"""Links in core that must not outlive what they lead to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shared.stores.core import CoreDatabase

_UNLINK = "select sync.unlink_notifications(%(kind)s, %(keys)s::text[])"


class CoreLinks:
    """Removes links. Raises TransientError when core cannot be reached."""

    def __init__(self, core: CoreDatabase) -> None:
        self._core = core

    def remove(self, kind: str, keys: Sequence[str]) -> None:
        """Take the reference to deleted entities out of what patients were told of them."""
        self._core.write(_UNLINK, {"kind": kind, "keys": list(keys)})
