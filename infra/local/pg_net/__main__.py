"""
Run the stand-in for pg_net's background worker.

    SUPABASE_DSN=... python -m infra.local.pg_net \\
        [--drop 0.1] [--duplicate 0.1] [--delay-ms 50] [--seed 1] [--pause-ms 1000]

At start it applies pg_net.sql, waiting for the database if need be. `--drop` and `--duplicate` are
the shares of requests it loses and sends twice, `--delay-ms` holds each one back; the row in
net.standin_faults overrides them while it runs. Every fault of the real worker can be had: lost
(its tables are unlogged), repeated (a crash between sending and recording), late.
"""

from __future__ import annotations

import argparse
import signal
import sys
import threading

from infra.local.apply_sql import when_database_is_up
from infra.local.pg_net.install import install
from infra.local.pg_net.sending import Faults
from infra.local.pg_net.worker import PAUSE_S, Worker
from shared import settings


def main() -> None:
    """Parse the command line and work."""
    parser = argparse.ArgumentParser(prog="infra.local.pg_net")
    parser.add_argument("--drop", type=_share, default=0.0)
    parser.add_argument("--duplicate", type=_share, default=0.0)
    parser.add_argument("--delay-ms", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--pause-ms", type=int, default=int(PAUSE_S * 1000))
    given = parser.parse_args()
    dsn = settings.required("SUPABASE_DSN")
    when_database_is_up(lambda: install(dsn))
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stop.set())
    sys.stdout.write("working\n")
    sys.stdout.flush()
    faults = Faults(given.drop, given.duplicate, given.delay_ms)
    Worker(dsn, faults, given.seed, given.pause_ms / 1000).run(stop)


def _share(text: str) -> float:
    share = float(text)
    if not 0 <= share <= 1:
        raise argparse.ArgumentTypeError("must be 0 to 1")
    return share


if __name__ == "__main__":
    main()
