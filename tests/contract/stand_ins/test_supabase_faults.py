"""The stand-in failing: on demand, with its database away, killed. (No real project does this.)"""

from __future__ import annotations

import signal
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import httpx
import psycopg
import pytest
from postgrest.exceptions import APIError
from supabase import Client
from supabase_auth.errors import AuthApiError, AuthRetryableError

from infra.local.postgres import Postgres
from infra.local.processes import Process, free_port
from infra.local.supervisor import Supervisor
from tests.contract.launcher import Launcher, Project, until


@pytest.fixture(name="client")
def _client(stand_in: Project) -> Generator[Client]:
    with psycopg.connect(stand_in.dsn) as connection:
        connection.execute(
            "create table if not exists fault_rows (id int primary key); truncate fault_rows"
        )
    with stand_in.client(stand_in.service_key) as client:
        yield client
    httpx.delete(f"{stand_in.url}/__fault", trust_env=False).raise_for_status()


@pytest.fixture(name="fault")
def _fault(stand_in: Project) -> Any:
    """Posts a fault; returns the status of the answer."""

    def post(**given: Any) -> int:
        return httpx.post(f"{stand_in.url}/__fault", json=given, trust_env=False).status_code

    return post


def code_of(query: Any) -> str | None:
    try:
        query.execute()
    except APIError as refusal:
        return refusal.code
    return None


def read(client: Client) -> Any:
    return client.table("fault_rows").select("id").order("id")


@pytest.mark.parametrize("status", [429, 500, 503])
def test_the_next_requests_fail_as_many_times_as_asked(
    client: Client, fault: Any, status: int
) -> None:
    assert fault(status=status, count=2) == 204
    assert [code_of(read(client)) for _ in range(3)] == [str(status), str(status), None]


def test_a_fault_is_kept_for_its_path_and_method(client: Client, fault: Any) -> None:
    fault(status=503, path="/rest/v1/fault_rows", method="POST")
    assert code_of(read(client)) is None
    client.auth.admin.list_users()
    assert code_of(client.table("fault_rows").insert({"id": 1})) == "503"
    assert read(client).execute().data == []


def test_a_request_can_be_done_and_its_answer_lost(client: Client, fault: Any) -> None:
    fault(status=503, when="after")
    assert code_of(client.table("fault_rows").insert({"id": 2})) == "503"
    assert read(client).execute().data == [{"id": 2}]


def test_a_connection_can_be_dropped(client: Client, fault: Any) -> None:
    fault(status=0, when="after")
    with pytest.raises(httpx.RemoteProtocolError):
        client.table("fault_rows").insert({"id": 3}).execute()
    assert read(client).execute().data == [{"id": 3}]


def test_a_refusal_tells_when_to_come_back(stand_in: Project, client: Client, fault: Any) -> None:
    fault(status=429, retry_after=7, body={"message": "slow down"})
    answer = httpx.get(f"{stand_in.url}/rest/v1/fault_rows", trust_env=False)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "7")
    assert answer.json() == {"message": "slow down"}


def test_a_delay_stays_until_it_is_cleared(stand_in: Project, client: Client, fault: Any) -> None:
    client.postgrest.session.timeout = httpx.Timeout(0.2)
    fault(delay_ms=1000)
    for _ in range(2):
        with pytest.raises(httpx.ReadTimeout):
            read(client).execute()
    httpx.delete(f"{stand_in.url}/__fault", trust_env=False)
    assert code_of(read(client)) is None


def test_the_auth_service_fails_in_its_own_words(client: Client, fault: Any) -> None:
    fault(status=429, path="/auth/v1/")
    fault(status=500, path="/auth/v1/")
    fault(status=503, path="/auth/v1/")
    seen: list[tuple[type[Exception], str | None]] = []
    for _ in range(3):
        with pytest.raises((AuthApiError, AuthRetryableError)) as refusal:
            client.auth.admin.list_users()
        seen.append((refusal.type, getattr(refusal.value, "code", None)))
    assert seen == [
        (AuthApiError, "over_request_rate_limit"),
        (AuthApiError, "unexpected_failure"),
        (AuthRetryableError, None),
    ]


@pytest.mark.parametrize(
    "given", [{}, {"status": 200}, {"stat": 503}, {"status": "x"}, {"delay_ms": -1}]
)
def test_a_fault_that_makes_no_sense_is_refused(fault: Any, given: dict[str, Any]) -> None:
    assert fault(**given) == 400


@dataclass
class Server:
    """A database server of its own, which a test may stop and start again."""

    dsn: str
    process: Process
    stack_id: str

    def start(self) -> None:
        self.process.start(self.stack_id)
        self.process.wait_ready()


@pytest.fixture(name="server")
def _server() -> Generator[Server]:
    with Supervisor() as supervisor:
        postgres = Postgres("faults", supervisor.folder / "postgres", free_port())
        postgres.initdb(supervisor.id)
        process = postgres.process(supervisor.logs / "postgres.log")
        server = Server(postgres.dsn(), process, supervisor.id)
        server.start()
        yield server
        process.stop()


def test_it_answers_503_while_the_database_is_away_and_recovers(
    launcher: Launcher, server: Server
) -> None:
    project, process = launcher.supabase(server.dsn)
    process.start()
    with project.client(project.service_key) as client:
        client.auth.admin.create_user({"email": "kept@example.com"})
        server.process.stop()
        for _ in range(3):
            assert code_of(client.table("any").select("*")) == "PGRST001"
            with pytest.raises(AuthRetryableError):
                client.auth.admin.list_users()
        server.start()
        assert code_of(client.table("any").select("*")) == "PGRST205"
        assert [user.email for user in client.auth.admin.list_users()] == ["kept@example.com"]
    process.end()


def test_a_restart_of_the_database_between_two_requests_goes_unnoticed(
    launcher: Launcher, server: Server
) -> None:
    project, process = launcher.supabase(server.dsn)
    process.start()
    with project.client(project.service_key) as client:
        for _ in range(2):
            assert client.auth.admin.list_users() == []
            assert code_of(client.table("any").select("*")) == "PGRST205"
            server.process.stop()
            server.start()
    process.end()


def test_started_before_its_database_it_waits_for_it(launcher: Launcher, server: Server) -> None:
    server.process.stop()
    _, process = launcher.supabase(server.dsn)
    process.spawn()
    until(lambda: "waiting for the database" in process.log.read_text())
    assert not process.is_ready()
    server.start()
    until(process.is_ready)
    process.end()


def test_killed_it_starts_again_on_its_port_with_all_that_it_answered(
    launcher: Launcher, stand_in: Project
) -> None:
    project, process = launcher.supabase(stand_in.dsn)
    process.start()
    with psycopg.connect(stand_in.dsn) as connection:
        connection.execute("drop table if exists kill_rows; create table kill_rows (id int)")
    with project.client(project.service_key) as client:
        for row in range(20):
            client.table("kill_rows").insert({"id": row}).execute()
        process.end(signal.SIGKILL)
        process.start()
        query = client.table("kill_rows").select("id").order("id")
        assert query.execute().data == [{"id": row} for row in range(20)]
    process.end()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_by_itself_when_told_to(
    launcher: Launcher, stand_in: Project, number: signal.Signals
) -> None:
    project, process = launcher.supabase(stand_in.dsn)
    process.start()
    with project.client(project.service_key) as client:
        client.auth.admin.list_users()
        assert process.end(number) == 0
