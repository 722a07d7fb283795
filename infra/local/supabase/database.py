"""
Connections to the database, each acting as the role the hosted service logs in as.

A PostgREST request is one transaction: set the role and the claims, then one statement. Sent as
one simple-protocol message that is one round trip and still atomic, because Postgres wraps the
statements of a message in one transaction. When the answer decides whether to commit (exactly one
row asked for, at most n rows allowed), the message leaves it open and a second one ends it.
"""

from __future__ import annotations

import select
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import pq, sql

WAIT_S = 10.0  # PostgREST's db-pool-acquisition-timeout
CONNECT_TIMEOUT_S = 3
ACT_AS = sql.SQL("set session authorization {role}")
BEGIN, COMMIT = sql.SQL("begin; "), sql.SQL("commit")

Connection = psycopg.Connection[tuple[Any, ...]]
Row = tuple[bytes | None, ...]


class DatabaseAwayError(Exception):
    """No connection could be made, or it broke; then whether a write was done is unknown."""


class PoolExhaustedError(Exception):
    """All connections were busy for `WAIT_S` seconds."""


class Database:
    """At most `size` connections to one database, acting as `role`.

    Not a `psycopg_pool`: that one connects in the background and backs off for minutes; here the
    request that needs a connection makes it, and fails at once when the database is away.
    """

    def __init__(self, dsn: str, role: str, size: int) -> None:
        self._dsn, self._role = dsn, role
        self._free = threading.BoundedSemaphore(size)
        self._idle: list[Connection] = []

    @contextmanager
    def connection(self) -> Generator[Connection]:
        """Lend a connection (autocommit).

        Raises:
            PoolExhaustedError: none became free in time.
            DatabaseAwayError: none could be made, or it broke while lent.
        """
        if not self._free.acquire(timeout=WAIT_S):
            raise PoolExhaustedError
        try:
            with self._lend() as connection:
                yield connection
        finally:
            self._free.release()

    @contextmanager
    def _lend(self) -> Generator[Connection]:
        connection = self._reuse() or self._connect()
        try:
            yield connection
        except psycopg.Error as error:
            if not connection.closed:
                raise
            raise DatabaseAwayError from error
        finally:
            idle = connection.pgconn.transaction_status == pq.TransactionStatus.IDLE
            if idle:
                self._idle.append(connection)
            else:
                connection.close()

    def _reuse(self) -> Connection | None:
        while self._idle:
            connection = self._idle.pop()
            poll = select.poll()
            poll.register(connection.fileno(), select.POLLIN)
            if not poll.poll(0):
                return connection
            connection.close()  # an idle server only speaks to say that it is going away
        return None

    def _connect(self) -> Connection:
        try:
            connection = psycopg.connect(
                self._dsn,
                autocommit=True,
                connect_timeout=CONNECT_TIMEOUT_S,
                application_name=self._role,
                options="-c TimeZone=UTC",
            )
            # Not `set role`: the session itself must lack the superuser's rights.
            connection.execute(ACT_AS.format(role=sql.Identifier(self._role)))
        except psycopg.OperationalError as error:
            raise DatabaseAwayError from error
        return connection


def row_of(
    connection: Connection, message: sql.Composable, accept: Callable[[Row], None] | None = None
) -> Row:
    """Run `message` as one transaction; return the first row of its last statement, as text.

    `accept` may refuse the row by raising; then nothing is committed.

    Raises:
        psycopg.Error: the database refused a statement, or the connection broke.
    """
    if accept is None:
        return _run(connection, message)
    try:
        row = _run(connection, BEGIN + message)
        accept(row)
    except BaseException:
        if not connection.closed:
            _run(connection, sql.SQL("rollback"))
        raise
    _run(connection, COMMIT)
    return row


def _run(connection: Connection, message: sql.Composable) -> Row:
    # The cursor API turns every value into a Python object; one row of text is all we need.
    try:
        result = connection.pgconn.exec_(message.as_bytes(connection))
    except MemoryError:  # how psycopg reports that libpq could not even send
        raise psycopg.OperationalError("the connection was lost") from None
    if result.status == pq.ExecStatus.TUPLES_OK:
        return tuple(result.get_value(0, column) for column in range(result.nfields))
    if result.status in {pq.ExecStatus.COMMAND_OK, pq.ExecStatus.EMPTY_QUERY}:
        return ()
    raise psycopg.errors.error_from_result(result)
