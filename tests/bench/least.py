"""
The least that does a step's work at all, on the steps' own drivers and with nothing of ours: what
no design can be faster than, on this machine. Served only: an import would change the benchmark's
own collection of garbage.
"""

from __future__ import annotations

import gc
import os
from functools import cache
from typing import TYPE_CHECKING, Any

from psycopg_pool import ConnectionPool

if TYPE_CHECKING:
    from flask import Request

gc.set_threshold(10_000)  # as main.py
_TOPICS = "/google.pubsub.v1.Publisher/ListTopics"


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


@cache
def _core() -> ConnectionPool:
    kept = {"autocommit": True, "prepare_threshold": None}
    return ConnectionPool(os.environ["CORE_DSN"], min_size=0, max_size=4, open=True, kwargs=kept)


@cache
def _topics() -> Any:
    import grpc

    return grpc.insecure_channel(os.environ["PUBSUB_EMULATOR_HOST"]).unary_unary(_TOPICS)
