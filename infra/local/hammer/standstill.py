"""
A store that stands still: its processes are stopped with SIGSTOP, and go on later.

Worse than one that is down: connections are accepted by the kernel and never answered, and those
that were open before hang. What an emulator keeps in memory outlives it.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Generator

from infra.local.processes import Process

# Both of our databases are in one server here.
STORES = ("postgres", "supabase", "firebase", "storage_s3", "aws_s3")


@contextlib.contextmanager
def standing_still(process: Process) -> Generator[None]:
    """Stop a process and all it started for as long as the block takes."""
    stopped: set[int] = set()
    try:
        while news := process.family() - stopped:  # one that was starting another meanwhile
            stopped |= news
            _signal(news, signal.SIGSTOP)
        yield
    finally:
        _signal(stopped, signal.SIGCONT)


def _signal(pids: set[int], number: int) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
