"""Core's connection: what its errors become, and that nothing of a row's content is in them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, LiteralString

import psycopg
import pytest

from infra.local.processes import free_port
from shared.erasure import tombstones
from shared.errors import ContendedError, PermanentError, SyncError, TransientError
from shared.events import Ref
from shared.stores.core import CoreDatabase
from shared.stores.core_tombstones import CoreTombstones

SECRET = "asha.secret@example.com"


def refused(core: CoreDatabase, statement: LiteralString, **values: Any) -> SyncError:
    with pytest.raises(SyncError) as raised:
        core.write(statement, values)
    assert raised.value.__suppress_context__
    assert SECRET not in repr(raised.value)
    return raised.value


def test_a_lost_race_for_a_unique_value_is_contention(
    core: CoreDatabase, sql: psycopg.Connection[dict[str, Any]]
) -> None:
    sql.execute("insert into users (id, role, email) values ('a', 'PATIENT', %s)", [SECRET])
    error = refused(
        core, "insert into users (id, role, email) values ('b', 'PATIENT', %(e)s)", e=SECRET
    )
    assert (type(error), error.code) == (ContendedError, "core_23505")


def test_a_missing_parent_is_waited_for(core: CoreDatabase) -> None:
    error = refused(core, "insert into patients (id, user_id) values ('p', 'nobody')")
    assert (type(error), error.code) == (TransientError, "core_parent_missing")


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("insert into users (id, role) values (%(v)s, 'NO_SUCH_ROLE')", "core_22p02"),
        ("insert into users (id, role, language) values (%(v)s, 'PATIENT', null)", "core_23502"),
    ],
)
def test_a_value_that_core_can_never_hold_is_permanent(
    core: CoreDatabase, statement: LiteralString, code: str
) -> None:
    error = refused(core, statement, v=SECRET)
    assert (type(error), error.code) == (PermanentError, code)


def test_a_value_that_cannot_even_be_sent_is_permanent(core: CoreDatabase) -> None:
    error = refused(core, "select %(v)s::text", v=f"{SECRET}\0")
    assert (type(error), error.code) == (PermanentError, "core_rejected_value")


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("select no_such_column from users", "core_42703"),
        ("delete from no_such_table", "core_42p01"),
    ],
)
def test_our_own_mistakes_never_lose_an_entity(
    core: CoreDatabase, statement: LiteralString, code: str
) -> None:
    error = refused(core, statement)
    assert error.code == code
    assert isinstance(error, TransientError)


def test_a_core_that_does_not_answer_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    core = CoreDatabase(f"postgresql://nobody@127.0.0.1:{free_port()}/core?connect_timeout=1")
    core._pool.timeout = 0.3
    with pytest.raises(TransientError, match="core_unreachable"):
        core.read("select 1", {})
    core.close()


def test_a_killed_connection_is_tried_again_and_the_next_one_works(
    core: CoreDatabase, sql: psycopg.Connection[dict[str, Any]]
) -> None:
    (row,) = core.read("select pg_backend_pid() as pid", {})
    sql.execute("select pg_terminate_backend(%s)", [row["pid"]])
    with pytest.raises(TransientError):
        core.read("select 1", {})
    assert core.read("select 1 as one", {}) == [{"one": 1}]


def test_a_failed_statement_leaves_nothing_behind(
    core: CoreDatabase, sql: psycopg.Connection[dict[str, Any]]
) -> None:
    refused(core, "insert into users (id, role) values ('a', 'PATIENT'), ('a', 'PATIENT')")
    assert sql.execute("select * from users").fetchall() == []
    assert core.write("select 1 as one", {}, lock=["a"]) == [{"one": 1}]


def test_what_the_sync_writes_is_marked_for_its_transaction_only(core: CoreDatabase) -> None:
    origin: LiteralString = "select current_setting('sync.origin', true) as origin"
    assert core.write(origin, {}) == [{"origin": "sync"}]
    assert core.read(origin, {}) == [{"origin": ""}]


INSERT = "insert into users (id, role) values (%(id)s, 'PATIENT') returning id"


def test_parts_are_written_in_turn_and_all_their_rows_come_back(core: CoreDatabase) -> None:
    assert core.write_each(INSERT, ({"id": key} for key in "abc"), lock=["any"]) == [
        {"id": "a"}, {"id": "b"}, {"id": "c"},
    ]  # fmt: skip


def test_a_part_that_core_refuses_takes_all_parts_with_it(
    core: CoreDatabase, sql: psycopg.Connection[dict[str, Any]]
) -> None:
    with pytest.raises(ContendedError):
        core.write_each(INSERT, ({"id": key} for key in "aba"))
    assert sql.execute("select * from users").fetchall() == []


def test_parts_before_one_that_cannot_be_made_stay_and_the_next_write_works(
    core: CoreDatabase, sql: psycopg.Connection[dict[str, Any]]
) -> None:
    def parts() -> Iterator[dict[str, Any]]:
        yield {"id": "a"}
        raise PermanentError("impossible")

    with pytest.raises(PermanentError, match="impossible"):
        core.write_each(INSERT, parts())
    assert sql.execute("select id from users").fetchall() == [{"id": "a"}]
    assert core.write(INSERT, {"id": "b"}) == [{"id": "b"}]


def test_nothing_to_write_asks_nothing_of_core(core: CoreDatabase) -> None:
    core.close()
    assert core.write_each("select 1", iter([])) == []


def test_core_writes_a_part_while_the_next_is_made(
    core: CoreDatabase, sql: psycopg.Connection[dict[str, Any]]
) -> None:
    """Seen by a sequence, which counts outside of transactions."""
    sql.execute("create sequence written")

    def parts() -> Iterator[dict[str, Any]]:
        yield {}
        deadline = time.monotonic() + 30
        while not sql.execute("select is_called from written").fetchall()[0]["is_called"]:
            assert time.monotonic() < deadline, "the first part still waits"
        yield {}

    try:
        assert core.write_each("select nextval('written') as n", parts()) == [{"n": 1}, {"n": 2}]
    finally:
        sql.execute("drop sequence written")


LIVING, BURIED = Ref("user", "uid-of-ravi"), Ref("user", "uid-of-asha")
ADD = "insert into users (id, role) values (%(id)s, 'PATIENT') returning id"


def bury(sql: psycopg.Connection[dict[str, Any]]) -> None:
    sql.execute("select sync.order_erasure(%s, 'operator')", [BURIED.key])


def users(sql: psycopg.Connection[dict[str, Any]]) -> list[str]:
    return [row["id"] for row in sql.execute("select id from users order by id").fetchall()]


def test_a_write_that_asks_along_writes_nothing_when_one_of_the_asked_is_buried(
    core: CoreDatabase, sql: psycopg.Connection[dict[str, Any]]
) -> None:
    bury(sql)
    with (
        pytest.raises(tombstones.BuriedError),
        CoreTombstones(core).asked_along([LIVING, BURIED]),
    ):
        core.write(ADD, {"id": "a"}, lock=["user/a"])
    assert users(sql) == []


def test_a_read_that_asks_along_tells_nothing_when_one_of_the_asked_is_buried(
    core: CoreDatabase, sql: psycopg.Connection[dict[str, Any]]
) -> None:
    bury(sql)
    told: list[object] = []
    with (
        pytest.raises(tombstones.BuriedError),
        CoreTombstones(core).asked_along([LIVING, BURIED]),
    ):
        told += core.read("select 1 as one", {})
    assert told == []


def test_the_question_travels_once_and_only_inside(
    core: CoreDatabase, sql: psycopg.Connection[dict[str, Any]]
) -> None:
    with CoreTombstones(core).asked_along([BURIED]):
        assert core.read("select 1 as one", {}) == [{"one": 1}]
        bury(sql)
        core.write(ADD, {"id": "a"})
    core.write(ADD, {"id": "b"})
    assert users(sql) == ["a", "b"]


def test_what_failed_is_asked_again(
    core: CoreDatabase, sql: psycopg.Connection[dict[str, Any]]
) -> None:
    core.write(ADD, {"id": "a"})
    bury(sql)
    with CoreTombstones(core).asked_along([LIVING]), pytest.raises(ContendedError):
        core.write(ADD, {"id": "a"})
    with CoreTombstones(core).asked_along([BURIED]):
        with pytest.raises(PermanentError):
            core.read("select 1 / 0", {})
        with pytest.raises(tombstones.BuriedError):
            core.write(ADD, {"id": "b"})
    assert users(sql) == ["a"]
