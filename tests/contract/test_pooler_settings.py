"""
The pooler's settings of docs/deploy.md carry every client that the catalog allows.

On a real PgBouncer, wherever there is one, in front of a PostgreSQL with its default of 100
connections, of which a backend holds its share.
"""

from __future__ import annotations

import re
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from threading import Barrier

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from infra.local import pgbouncer
from infra.local.processes import free_port
from infra.local.supervisor import Supervisor
from infra.logins import login, role_name
from shared import catalog

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
VARIABLES = (ROOT / "terraform" / "variables.tf").read_text(encoding="utf-8")
MAX_CONNECTIONS = 97  # of PostgreSQL's default of 100, three are kept for superusers
BACKENDS = 40  # connections that the guide leaves to the backend

_INI = re.search(r"^```ini\n(.*?)^```$", GUIDE, re.S | re.M)
SETTINGS = _INI[1] if _INI else ""
NUMBERS = {name: int(value) for name, value in re.findall(r"^(\w+) = (\d+)$", SETTINGS, re.M)}
_DEFAULT = re.search(r'variable "core_connections" \{.*?default +=? *(\d+)', VARIABLES, re.S)
ALLOWED = int(_DEFAULT[1]) if _DEFAULT else 0
CLIENTS = {
    role: sum(
        f.limits["max_instances"] * f.limits["concurrency"]
        for f in catalog.load().functions.values()
        if f.core_role == role
    )
    for role in catalog.load().core_roles()
}


def test_the_catalog_leaves_room_for_further_steps() -> None:
    assert 0 < sum(CLIENTS.values()) <= 0.8 * ALLOWED


def test_the_pooler_takes_the_clients_of_two_revisions_and_leaves_the_backend_its_share() -> None:
    assert NUMBERS["max_client_conn"] >= 2 * ALLOWED
    assert NUMBERS["max_db_connections"] + BACKENDS <= MAX_CONNECTIONS
    # Every role can have a connection at the same time, or one would wait for all of another's.
    assert NUMBERS["max_db_connections"] >= len(CLIENTS)


@pytest.fixture(name="pooled")
def _pooled(core_dsn: str) -> Generator[dict[str, str]]:
    """The connection strings of all roles, through a PgBouncer set as the guide says."""
    if pgbouncer.pgbouncer() is None:
        pytest.skip("there is no PgBouncer to be had")
    port, there = free_port(), conninfo_to_dict(core_dsn)
    logins = {role: login(core_dsn, role, through=f"127.0.0.1:{port}") for role in CLIENTS}
    passwords = {
        role_name(role): str(conninfo_to_dict(dsn)["password"]) for role, dsn in logins.items()
    }
    settings = (
        f"[databases]\n{there['dbname']} = host={there['host']} port={there['port']}\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n"
        f"auth_type = scram-sha-256\nauth_file = userlist.txt\n{SETTINGS}"
    )
    with Supervisor() as supervisor:
        folder = supervisor.folder / "pgbouncer"
        settings = settings.replace("userlist.txt", str(folder / "userlist.txt"))
        supervisor.start(pgbouncer.process(folder, port, settings, passwords))
        yield {role: make_conninfo(dsn, sslmode="disable") for role, dsn in logins.items()}


def test_all_clients_at_once_are_served_by_what_core_can_spare(
    pooled: dict[str, str], core_dsn: str
) -> None:
    dsns = [dsn for role, dsn in pooled.items() for _ in range(CLIENTS[role])]
    all_there = Barrier(len(dsns))

    def ask(dsn: str) -> tuple[int, bool]:
        with psycopg.connect(dsn, autocommit=True, prepare_threshold=None) as connection:
            all_there.wait()
            row = connection.execute(
                "select count(*), current_user like 'healbridge_%', pg_sleep(0.02)"
                " from pg_stat_activity where usename like 'healbridge_%'"
            ).fetchone()
            assert row is not None
            all_there.wait()
            return row[0], row[1]

    with ExitStack() as stack:
        for _ in range(BACKENDS):
            stack.enter_context(psycopg.connect(core_dsn))
        with ThreadPoolExecutor(len(dsns)) as threads:
            served = list(threads.map(ask, dsns))
    assert len(served) == sum(CLIENTS.values())
    assert all(own for _, own in served)
    # One that the pooler has just closed for another role's may still be seen.
    assert max(count for count, _ in served) <= MAX_CONNECTIONS - BACKENDS
