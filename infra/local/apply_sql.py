"""Apply SQL files to a database in one transaction, safe against another process doing so."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import psycopg

LOCK = 0x4845414C  # any fixed number: "HEAL"
LOCKED = "select pg_advisory_xact_lock(%(lock)s)"
PAUSE_S = 0.2


def apply_sql(dsn: str, files: Sequence[Path]) -> None:
    """Apply `files` in order, all or none. Each must be written so that it can be applied again.

    Raises:
        psycopg.Error: the database is away or refused a statement.
    """
    with psycopg.connect(dsn) as connection:
        connection.execute(LOCKED, {"lock": LOCK})
        for file in files:
            connection.execute(file.read_bytes())


def when_database_is_up(apply: Callable[[], None]) -> None:
    """Run `apply` as soon as the database takes connections; says once that it is waiting."""
    waiting = False
    while True:
        try:
            return apply()
        except psycopg.OperationalError as reason:
            if not waiting:
                sys.stderr.write(f"waiting for the database: {reason}\n")
                sys.stderr.flush()
            waiting = True
            time.sleep(PAUSE_S)
