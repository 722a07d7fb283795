"""
Google's public keys by which tokens are verified: fetched once, kept, rotated, never hammered.

A key is trusted while the set it came with is fresh, so one that Google withdraws is out within the
hour. An unknown key id asks again, but not more often than every half minute: a flood of made-up
ids must not become a flood of fetches. When Google cannot be reached, the known set serves on for a
few hours; then nobody is admitted, and callers are told to come again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING

from shared import log
from shared.errors import TransientError

if TYPE_CHECKING:
    from jwt import PyJWK

Keys = Mapping[str, "PyJWK"]
FRESH_S = 3600.0
STALE_S = 6 * 3600.0  # Google publishes a new key long before it signs with it
PAUSE_S, FIRST_PAUSE_S = 30.0, 1.0  # between fetches; before anything is known
_TIMEOUT_S = 5


class GoogleKeys:
    """The keys behind one address, by key id."""

    def __init__(
        self, fetch: Callable[[], Keys], now: Callable[[], float] = time.monotonic
    ) -> None:
        self._fetch, self._now = fetch, now
        self._keys: Keys = {}
        self._fetched = self._tried = float("-inf")
        self._lock = threading.Lock()

    def find(self, key_id: object) -> PyJWK | None:
        """Return the key of that id, nothing if Google has none. Raise TransientError."""
        name = key_id if isinstance(key_id, str) else ""
        if name not in self._keys or self._now() - self._fetched > FRESH_S:
            self._refresh(name)
        if self._now() - self._fetched > STALE_S:
            raise TransientError("google_keys_unreachable")
        return self._keys.get(name)

    def _refresh(self, name: str) -> None:
        with self._lock:  # one asks, the others wait for its answer
            now = self._now()
            if name in self._keys and now - self._fetched <= FRESH_S:
                return
            if now - self._tried < (PAUSE_S if self._keys else FIRST_PAUSE_S):
                return
            self._tried = now
            try:
                self._keys = self._fetch()
            except TransientError as error:
                log.event("keys_not_fetched", severity="WARNING", code=error.code)
                return
            self._fetched = now


@cache
def keys_at(url: str) -> GoogleKeys:
    """Return this process's keys of an address (a JSON Web Key Set)."""
    return GoogleKeys(lambda: _fetched(url))


def _fetched(url: str) -> Keys:
    from jwt import PyJWKClient, PyJWTError

    try:
        keys = PyJWKClient(url, cache_jwk_set=False, timeout=_TIMEOUT_S).get_signing_keys()
    except (PyJWTError, OSError, ValueError):  # not there, no JSON, no usable key
        raise TransientError("google_keys_unreachable") from None
    return {str(key.key_id): key for key in keys}
