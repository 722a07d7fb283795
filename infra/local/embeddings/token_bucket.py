"""A rate limit of so many units a minute, as providers enforce and report it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

UNLIMITED = 10**9


class TokenBucket:
    """Holds at most a minute's worth of units and refills all the time; 0 means no limit."""

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._size = per_minute or UNLIMITED
        self._limited = per_minute > 0
        self._left = float(self._size)
        self._filled_at = clock()
        self._lock = threading.Lock()

    def take(self, units: int) -> float:
        """Take units; return 0, or the seconds to wait for them if they are not there.

        A refusal takes nothing; more units than the bucket holds are never there.
        """
        if not self._limited:
            return 0.0
        with self._lock:
            self._fill()
            if units <= self._left:
                self._left -= units
                return 0.0
            return (units - self._left) * 60 / self._size

    def headers(self, unit: str) -> dict[str, str]:
        """Return the x-ratelimit headers for `unit` ("requests", "tokens")."""
        with self._lock:
            self._fill()
            reset = (self._size - self._left) * 60 / self._size
            return {
                f"x-ratelimit-limit-{unit}": str(self._size),
                f"x-ratelimit-remaining-{unit}": str(int(self._left)),
                f"x-ratelimit-reset-{unit}": f"{reset:.3f}s",
            }

    def _fill(self) -> None:
        now = self._clock()
        gained = (now - self._filled_at) * self._size / 60
        self._left, self._filled_at = min(self._left + gained, float(self._size)), now
