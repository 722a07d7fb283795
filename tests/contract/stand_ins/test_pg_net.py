"""The stand-in of pg_net: what a transaction queues is sent once, after it, and never again."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Generator

import psycopg
import pytest

from infra.local.processes import free_port
from tests.contract.launcher import Launcher, Project, until
from tests.contract.stand_ins.receiver import Receiver, post, queued, responses

pytestmark = pytest.mark.usefixtures("worker")


@pytest.fixture(scope="module", name="worker")
def _worker(launcher: Launcher, stand_in: Project) -> Generator[None]:
    worker = launcher.make(
        "pg_net", "--pause-ms", "50", says="working", SUPABASE_DSN=stand_in.dsn
    ).start()
    yield
    assert worker.end() == 0


def test_a_committed_request_is_sent_as_queued_and_its_answer_kept(
    net: psycopg.Connection, receiver: Receiver
) -> None:
    net.execute(
        'select net.http_post(%s, \'{"a": [1, "é"]}\', \'{"q": "x &é"}\','
        ' \'{"X-Signature": "s"}\')',
        [f"{receiver.url}/hook?k=1"],
    )
    until(lambda: len(responses(net)) == 1)
    (request,) = receiver.received
    assert (request.method, request.path) == ("POST", "/hook")
    assert request.query == [("k", "1"), ("q", "x &é")]
    assert request.body == '{"a": [1, "é"]}'.encode()
    assert request.headers["content-type"] == "application/json"
    assert request.headers["x-signature"] == "s"
    assert request.headers["user-agent"].startswith("pg_net/")
    assert responses(net) == [(200, "ok", False, None)]
    headers = net.execute("select headers ->> 'x-kind' from net._http_response").fetchone()
    assert headers == ("test",)


def test_a_request_rolled_back_is_never_sent(net: psycopg.Connection, receiver: Receiver) -> None:
    with net.transaction(force_rollback=True):
        post(net, f"{receiver.url}/rolled-back")
    post(net, f"{receiver.url}/after")
    until(lambda: len(responses(net)) == 1)
    assert [request.path for request in receiver.received] == ["/after"]


def test_a_failure_is_recorded_and_not_retried(net: psycopg.Connection, receiver: Receiver) -> None:
    post(net, f"{receiver.url}/refuse")
    post(net, f"{receiver.url}/hangup")
    post(net, f"{receiver.url}/slow", timeout_ms=100)
    post(net, f"http://127.0.0.1:{free_port()}/nobody")
    post(net, "gopher://127.0.0.1/")
    until(lambda: len(responses(net)) == 5)
    assert responses(net) == [
        (500, "ok", False, None),
        (None, None, False, "RemoteProtocolError"),
        (None, None, True, "Timeout of 100 ms reached"),
        (None, None, False, "Couldn't connect to server"),
        (None, None, False, "Unsupported protocol"),
    ]
    post(net, f"{receiver.url}/last")
    until(lambda: len(responses(net)) == 6)
    counts = Counter(request.path for request in receiver.received)
    assert counts == {"/refuse": 1, "/hangup": 1, "/slow": 1, "/last": 1}


def test_get_and_delete_are_sent_too(net: psycopg.Connection, receiver: Receiver) -> None:
    net.execute("select net.http_get(%s)", [f"{receiver.url}/read"])
    net.execute("select net.http_delete(%s)", [f"{receiver.url}/gone"])
    until(lambda: len(responses(net)) == 2)
    assert {(r.method, r.path) for r in receiver.received} == {
        ("GET", "/read"),
        ("DELETE", "/gone"),
    }


def test_a_body_that_is_not_declared_json_is_refused(net: psycopg.Connection) -> None:
    with pytest.raises(psycopg.errors.RaiseException):
        net.execute(
            "select net.http_post('http://127.0.0.1', headers => %s)",
            ['{"Content-Type": "text/plain"}'],
        )
    assert queued(net) == 0


def test_more_than_a_batch_is_sent_once_each(net: psycopg.Connection, receiver: Receiver) -> None:
    post(net, f"{receiver.url}/many", rows=450)
    until(lambda: len(responses(net)) == 450)
    assert receiver.numbers() == Counter(range(1, 451))


def test_a_webhook_trigger_sends_the_row_and_what_happened(
    net: psycopg.Connection, receiver: Receiver
) -> None:
    net.execute(
        "drop table if exists hook_rows; create table hook_rows (id int primary key, name text);"
        "create trigger hook after insert or update or delete on hook_rows for each row"
        f" execute function supabase_functions.http_request('{receiver.url}/hook', 'POST',"
        ' \'{"Content-Type": "application/json", "X-Secret": "s"}\', \'{}\', \'1000\')'.encode()
    )
    net.execute("insert into hook_rows values (1, 'a')")
    net.execute("update hook_rows set name = 'b'")
    net.execute("delete from hook_rows")
    until(lambda: len(receiver.received) == 3)
    bodies = {body["type"]: body for body in (json.loads(r.body) for r in receiver.received)}
    where = {"table": "hook_rows", "schema": "public"}
    old, new = {"id": 1, "name": "a"}, {"id": 1, "name": "b"}
    assert bodies == {
        "INSERT": {"type": "INSERT", **where, "record": old, "old_record": None},
        "UPDATE": {"type": "UPDATE", **where, "record": new, "old_record": old},
        "DELETE": {"type": "DELETE", **where, "record": None, "old_record": new},
    }
