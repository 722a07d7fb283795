"""
pg_net's background worker: takes queued requests in batches, sends them, keeps the answers.

Modelled, from supabase/pg_net src/worker.c and core.c: batches of 200 by id, all of a batch sent at
once; taking, sending and recording are one transaction, so a slow receiver holds the batch, and a
worker killed in between sends it again; a failure is recorded and never retried; at most one
batch a second unless another transaction wakes it; answers are kept six hours.
"""

from __future__ import annotations

import random
import sys
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import psycopg
from psycopg.rows import DictRow, class_row, dict_row

from infra.local.pg_net.sending import Faults, send

BATCH = 200
PAUSE_S = 1.0
RETRY_S = 0.3
CHECK_S = 30.0  # upstream looks only when woken; this is for wake-ups that got lost
STOP_CHECK_S = 0.1

Connection = psycopg.Connection[DictRow]

TAKE = """
with batch as (
  select id from net.http_request_queue order by id limit %(batch)s
)
delete from net.http_request_queue q using batch where q.id = batch.id
returning q.id, q.method, q.url, q.headers, q.body, q.timeout_milliseconds
"""
RECORD = """
insert into net._http_response (
  id, status_code, content_type, headers, content, timed_out, error_msg
) values (
  %(id)s, %(status_code)s, %(content_type)s, %(headers)s, %(content)s, %(timed_out)s, %(error_msg)s
)
"""
EXPIRE = "delete from net._http_response where created < now() - interval '6 hours'"
FAULTS = "select drop_rate, duplicate_rate, delay_ms from net.standin_faults"


class Worker:
    """Sends what is queued until `stop` is set, through any number of lost connections."""

    def __init__(self, dsn: str, faults: Faults, seed: int, pause_s: float) -> None:
        self._dsn, self._faults, self._pause_s = dsn, faults, pause_s
        self._dice = random.Random(seed)
        self._client = httpx.Client(
            trust_env=False,
            follow_redirects=True,
            limits=httpx.Limits(max_connections=BATCH, max_keepalive_connections=BATCH),
        )

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set."""
        with ThreadPoolExecutor(BATCH, "send") as senders, self._client:
            while not stop.is_set():
                try:
                    self._follow(senders, stop)
                except psycopg.Error as error:
                    sys.stderr.write(f"{type(error).__name__}; connecting again\n")
                    sys.stderr.flush()
                    stop.wait(RETRY_S)

    def _follow(self, senders: ThreadPoolExecutor, stop: threading.Event) -> None:
        with Connection.connect(
            self._dsn, autocommit=True, row_factory=dict_row, application_name="pg_net"
        ) as connection:
            connection.execute("listen pg_net")
            while not stop.is_set():
                sent = self._batch(connection, senders)
                _wait(connection, self._pause_s if sent else CHECK_S, stop)

    def _batch(self, connection: Connection, senders: ThreadPoolExecutor) -> int:
        """Send one batch; return how many requests it had."""
        with connection.transaction():
            rows = connection.execute(TAKE, {"batch": BATCH}).fetchall()
            if not rows:
                return 0
            connection.execute(EXPIRE)
            with connection.cursor(row_factory=class_row(Faults)) as cursor:
                faults = cursor.execute(FAULTS).fetchone() or self._faults
            rows.sort(key=lambda row: row["id"])
            times = faults.times(len(rows), self._dice)

            def sent(row: Mapping[str, Any], count: int) -> dict[str, Any]:
                return send(self._client, row, count, faults.delay_ms)

            wanted = [(row, count) for row, count in zip(rows, times, strict=True) if count]
            answers = list(senders.map(sent, *zip(*wanted, strict=True))) if wanted else []
            with connection.cursor() as cursor:
                cursor.executemany(RECORD, answers)
        return len(rows)


def _wait(connection: Connection, seconds: float, stop: threading.Event) -> None:
    """Return when woken, when `stop` is set, or after so many seconds."""
    deadline = time.monotonic() + seconds
    while not stop.is_set() and (left := deadline - time.monotonic()) > 0:
        if any(True for _ in connection.notifies(timeout=min(left, STOP_CHECK_S), stop_after=1)):
            return
