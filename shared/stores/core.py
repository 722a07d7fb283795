"""
Core PostgreSQL: one small pool per process, and the translation of its errors.

Connections go through a transaction-mode pooler, so nothing may depend on a session: no prepared
statements, settings only inside a transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import TYPE_CHECKING, Any, LiteralString

from psycopg import DataError, Error
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb
from psycopg_pool import ConnectionPool

from shared import settings
from shared.erasure import tombstones
from shared.erasure.tombstones import ERASED, BuriedError
from shared.errors import (
    ContendedError,
    PermanentError,
    SyncError,
    TransientError,
    unreadable,
)
from shared.observability import tracing

if TYPE_CHECKING:
    from collections.abc import Generator

    from shared.events import Ref

Row = dict[str, Any]

BURIED = "select kind, key from sync.buried(%(refs)s)"
_OPEN = "select sync.open_write(%(trace)s, %(keys)s::text[], %(refs)s)"


class CoreDatabase:
    """
    Runs statements on core. Every method is one transaction and one round trip. The first of a
    delivery may ask about tombstones along with it: then BuriedError means that nothing was done.
    """

    def __init__(self, dsn: str | None = None) -> None:
        size = int(settings.optional("CORE_POOL_SIZE", "4"))
        self._pool = ConnectionPool(
            dsn or settings.required("CORE_DSN"),
            min_size=0,
            max_size=size,
            timeout=10,
            max_idle=300,
            open=True,
            kwargs={
                "autocommit": True,
                "prepare_threshold": None,
                "connect_timeout": 5,
                "row_factory": dict_row,
                "application_name": "healbridge-sync",
            },
        )

    def read(self, query: LiteralString, parameters: Mapping[str, Any]) -> list[Row]:
        """Return the rows of one query."""
        refs = tombstones.unasked()
        with translated(query), self._pool.connection() as connection:
            if not refs:
                return connection.execute(query, parameters).fetchall()
            with connection.pipeline():
                buried = connection.execute(BURIED, asked(refs))
                cursor = connection.execute(query, parameters)
            if buried.fetchall():
                raise BuriedError
            tombstones.answered()
            return cursor.fetchall()

    def write(
        self, statement: LiteralString, parameters: Mapping[str, Any], *, lock: Sequence[str] = ()
    ) -> list[Row]:
        """
        Run one writing statement, marked as the sync's own, with the entities in `lock` held.

        Lock and statement travel in one round trip (a pipeline) but are two statements: the second
        takes its snapshot after the lock is held, so it sees what a racing step has just committed.
        What a pipeline holds up to its end is one transaction to PostgreSQL, with no begin and
        commit: those, and psycopg's `transaction`, would wait for four answers more.
        """
        return self.write_each(statement, [parameters], lock=lock)

    def write_each(
        self,
        statement: LiteralString,
        parts: Iterable[Mapping[str, Any]],
        *,
        lock: Sequence[str] = (),
    ) -> list[Row]:
        """
        Run a statement for each part of its parameters, as `write` does, in the same round trip.

        Core works on one part while the next is made, where `parts` is a generator. Should that
        raise, the parts before it are committed: each must be whole by itself.
        """
        waiting = iter(parts)
        first = next(waiting, None)  # made before a connection is taken
        if first is None:
            return []
        refs = tombstones.unasked()
        with translated(statement), self._pool.connection() as connection:
            with _refused(refs), connection.pipeline():
                locks, along = sorted(set(lock)), asked(refs) if refs else {"refs": None}
                connection.execute(_OPEN, {"trace": tracing.here(), "keys": locks, **along})
                cursors = [connection.execute(statement, part) for part in chain([first], waiting)]
            return [row for cursor in cursors for row in cursor.fetchall()]

    def close(self) -> None:
        """Close the pool's connections."""
        self._pool.close()


def asked(refs: Sequence[Ref]) -> dict[str, Jsonb]:
    """Return the argument of a question about tombstones."""
    return {"refs": Jsonb([{"kind": ref.kind, "key": ref.key} for ref in refs])}


@contextmanager
def _refused(refs: Sequence[Ref]) -> Generator[None]:
    """
    Turn the refusal of a write that asked along into BuriedError. The statement's own triggers
    refuse with the same code: then the question, asked again by itself, finds nothing buried.
    """
    try:
        yield
    except Error as error:
        if refs and error.sqlstate == ERASED:
            raise BuriedError from None
        raise
    tombstones.answered()


@contextmanager
def translated(statement: str) -> Generator[None]:
    """Turn psycopg's errors into ours. Their text holds row values: only the SQLSTATE is kept."""
    with tracing.call("core", statement):
        try:
            yield
        except Error as error:
            raise _translate(error) from None
        except (ValueError, RecursionError) as error:
            if not unreadable(error):
                raise
            raise PermanentError("core_value_unreadable") from None


def _translate(error: Error) -> SyncError:
    state = error.sqlstate
    if state is None:
        if isinstance(error, DataError):  # psycopg cannot send the value
            return PermanentError("core_rejected_value")
        return TransientError("core_unreachable")
    code = f"core_{state.lower()}"
    if state in {"40001", "40P01", "23505"}:
        return ContendedError(code)
    if state == "23503":
        return TransientError("core_parent_missing")
    if state == ERASED or state[:2] in {"22", "23"}:
        return PermanentError("patient_erased" if state == ERASED else code)
    # 08, 53, 57: the server is away or full; 55P03: a lock was held for thirty seconds by others;
    # 28, 3D, 42: our rights, schema or SQL are wrong.
    # Neither is the entity's fault, so nothing may be acknowledged.
    return TransientError(code)
