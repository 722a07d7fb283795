"""The other end of pg_net's requests, and looking at its queue."""

from __future__ import annotations

import json
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import psycopg

from infra.local.loopback import Request, Response

SLOW_S = 1.0


@dataclass
class Receiver:
    """The other end: remembers what it was sent."""

    received: list[Request] = field(default_factory=list)
    url: str = ""

    def answer(self, request: Request) -> Response | None:
        """Answer as the path asks: /slow late, /refuse with 500, /hang up not at all."""
        self.received.append(request)
        if request.path == "/slow":
            time.sleep(SLOW_S)
        if request.path == "/hangup":
            return None
        return Response(500 if request.path == "/refuse" else 200, b"ok", {"X-Kind": "test"})

    def numbers(self) -> Counter[int]:
        """Return how often each `n` of a body was received."""
        return Counter(json.loads(request.body)["n"] for request in list(self.received))


def post(database: psycopg.Connection, url: str, rows: int = 1, **given: Any) -> None:
    """Queue `rows` requests in one transaction, with bodies {"n": 1}, {"n": 2} and so on."""
    timeout = given.get("timeout_ms", 5000)
    database.execute(
        "select net.http_post(%s, jsonb_build_object('n', n), timeout_milliseconds => %s)"
        " from generate_series(1, %s) n",
        [url, timeout, rows],
    )


def responses(database: psycopg.Connection) -> list[Any]:
    return database.execute(
        "select status_code, content, timed_out, error_msg from net._http_response order by id"
    ).fetchall()


def queued(database: psycopg.Connection) -> int:
    row = database.execute("select count(*) from net.http_request_queue").fetchone()
    assert row is not None
    return row[0]
