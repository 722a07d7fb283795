"""
How often one caller may call a public function, per instance: a token bucket per address.

It keeps one address from taking all of an instance, and guessing from being cheap. It is no shield
against many addresses: that is the load balancer's part (Cloud Armor), and `max_instances` bounds
what a flood can cost. Memory is bounded: the addresses seen longest ago are forgotten, and none is
kept in clear or logged.
"""

from __future__ import annotations

import hashlib
import ipaddress
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from shared.errors import RequestError

MAX_CALLERS = 2048
BURST_S = 2.0  # a quiet caller may send as many at once as the rate gives in this time, and 10 more
_KEY = secrets.token_bytes(16)


class Limit:
    """Admits `rate` requests per second and caller."""

    def __init__(self, rate: float, now: Callable[[], float] = time.time) -> None:
        self.rate, self.burst = rate, rate * BURST_S + 10
        self._now = now
        self._lock = threading.Lock()
        self._left: OrderedDict[bytes, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        """Return how many callers are remembered."""
        return len(self._left)

    def admit(self, caller: str) -> None:
        """Raise RequestError 429 for a caller who asks too often, naming when to come again."""
        if wait := self.take(caller):
            raise RequestError(429, "too_many_requests", "ask less often", retry_after=wait)

    def take(self, caller: str) -> float:
        """Take one from a caller's bucket; return 0, or the seconds until there is one again."""
        at = hashlib.blake2b(caller.encode(errors="replace"), key=_KEY, digest_size=8).digest()
        now = self._now()
        with self._lock:
            left, since = self._left.pop(at, (self.burst, now))
            left = min(self.burst, left + max(0.0, now - since) * self.rate)
            wait = 0.0 if left >= 1 else (1 - left) / self.rate
            self._left[at] = (left if wait else left - 1, now)
            if len(self._left) > MAX_CALLERS:
                self._left.popitem(last=False)
        return wait


def address(forwarded_for: str, peer: str | None) -> str:
    """
    Return who calls: the last entry of X-Forwarded-For, which Google's front end adds. Earlier
    entries are the caller's own invention. Of IPv6 the network counts: one caller has 2**64.
    """
    text = forwarded_for.rpartition(",")[2].strip() or peer or ""
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return text[:64]
    return (
        str(found) if found.version == 4 else str(ipaddress.ip_network((found, 64), strict=False))
    )
