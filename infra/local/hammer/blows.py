"""What is done to the stack."""

from __future__ import annotations

import contextlib
import os
import signal
from random import Random

import psycopg

from infra.local.hammer.life import insist
from infra.local.stack import Stack

VICTIMS = ("steps", "supabase", "postgres", "pg_net")
_FAULTS = """
insert into net.standin_faults (drop_rate, duplicate_rate, delay_ms)
values (%(drop)s, %(duplicate)s, %(delay)s)
on conflict (only_row) do update set drop_rate = excluded.drop_rate,
  duplicate_rate = excluded.duplicate_rate, delay_ms = excluded.delay_ms
"""


class Blows:
    """Kills processes and spoils webhooks; `kills` counts by process."""

    def __init__(self, stack: Stack, seed: int) -> None:
        self.kills: dict[str, int] = dict.fromkeys(VICTIMS, 0)
        self._stack = stack
        self._dice = Random(seed)

    def kill(self) -> None:
        """Kill one of the processes that were killed least; the supervisor starts it again."""
        least = min(self.kills.values())
        name = self._dice.choice([name for name in VICTIMS if self.kills[name] <= least + 1])
        pid = self._stack.supervisor.pids().get(name)
        if pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                self.kills[name] += 1

    def spoil_webhooks(self) -> None:
        """Let a third of the webhooks be lost, a third be sent twice, and all be late."""
        self._set_faults(0.3, 0.3, self._dice.choice((0, 50, 500)))

    def spare_webhooks(self) -> None:
        """Let webhooks be."""
        self._set_faults(0, 0, 0)

    def _set_faults(self, drop: float, duplicate: float, delay: int) -> None:
        def write() -> None:
            with psycopg.connect(self._stack.supabase_dsn) as connection:
                connection.execute(_FAULTS, {"drop": drop, "duplicate": duplicate, "delay": delay})

        insist(write)
