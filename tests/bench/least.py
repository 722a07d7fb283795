"""
The least that does the work at all, on the steps' own drivers and with nothing of ours: what no
design of a step or of a relay can be faster than, on this machine.
"""

from __future__ import annotations

import gc
import os
from functools import cache
from typing import TYPE_CHECKING, Any

from psycopg_pool import ConnectionPool

if TYPE_CHECKING:
    import psycopg
    from flask import Request

gc.set_threshold(10_000)  # as main.py
_TOPICS = "/google.pubsub.v1.Publisher/ListTopics"
_ROWS = 1000  # of a relay's claim

# One row a delivery, committed by itself.
NOTE = """
insert into sync.journal (kind, key, step, source_version, state, revision)
values ('document', gen_random_uuid()::text, 'least', 1, 'done', 'bench')
"""
UNSENT = """
create table if not exists least_outbox (like sync.outbox including all);
truncate least_outbox;
insert into least_outbox select * from sync.outbox where sent_at is null;
"""
_LEASED = """
update least_outbox set lease_until = now() where ctid = any (array(
  select ctid from least_outbox where sent_at is null limit %(rows)s)) returning ctid::text
"""
_SENT = "update least_outbox set sent_at = now() where ctid = any (%(places)s::tid[])"


def one_statement(request: Request) -> tuple[str, int]:
    """Do LEAST_STATEMENT on core."""
    request.get_data()
    with _core().connection() as connection:
        connection.execute(os.environ["LEAST_STATEMENT"].encode())
    return "", 204


def one_statement_and_call(request: Request) -> tuple[str, int]:
    """Do LEAST_STATEMENT on core, and one call of the bus."""
    one_statement(request)
    _topics()(b"\n\x18projects/demo-healbridge", timeout=10)
    return "", 204


def relay(core: psycopg.Connection[Any], rows: int) -> None:
    """Write every row twice, as a lease and as sent, by its place, and wait for no disk."""
    core.execute("set synchronous_commit to off")
    for _ in range(0, rows, _ROWS):
        places = [place for (place,) in core.execute(_LEASED, {"rows": _ROWS})]
        core.execute(_SENT, {"places": places})


@cache
def _core() -> ConnectionPool:
    kept = {"autocommit": True, "prepare_threshold": None}
    return ConnectionPool(os.environ["CORE_DSN"], min_size=0, max_size=4, open=True, kwargs=kept)


@cache
def _topics() -> Any:
    import grpc

    return grpc.insecure_channel(os.environ["PUBSUB_EMULATOR_HOST"]).unary_unary(_TOPICS)
