"""
A stand-in for Cloud Scheduler: calls every scheduled function, sixty times as fast as its cron.

Left out: cron times. A local stack should not wait a minute for a sweep, so a minute of the cron's
period lasts `minute_s` seconds, and a function is never called twice at once.
"""

from __future__ import annotations

import contextlib
import threading
import urllib.request
from collections.abc import Mapping

from shared.catalog import minutes


class Scheduler:
    """Calls functions of the step host until stopped."""

    def __init__(self, steps_url: str, crons: Mapping[str, str], minute_s: float) -> None:
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(
                target=self._run,
                args=(f"{steps_url}/{name}", minutes(cron) * minute_s),
                daemon=True,
            )
            for name, cron in crons.items()
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Return when no call is under way."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(timeout=5)

    def _run(self, url: str, period_s: float) -> None:
        while not self._stopping.wait(period_s):
            request = urllib.request.Request(url, data=b"", method="POST")  # noqa: S310 - loopback
            # A host that is being restarted or a function that refuses: the next call comes soon.
            with contextlib.suppress(OSError):
                urllib.request.urlopen(request, timeout=60).close()  # noqa: S310 - as above
