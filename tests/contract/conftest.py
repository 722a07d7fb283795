"""What contract tests share: stand-ins, an emulator that ends with them, stores in agreement."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from infra.local import pubsub
from infra.local.processes import Process, base_environment, free_port
from infra.local.supervisor import Supervisor
from tests.contract.agreed import bring_into_agreement
from tests.contract.launcher import Launcher
from tests.contract.memory_stores import MemoryStores, Stores
from tests.contract.real_stores import RealStores


@pytest.fixture(scope="session", name="launcher")
def _launcher(tmp_path_factory: pytest.TempPathFactory) -> Generator[Launcher]:
    launcher = Launcher(tmp_path_factory.mktemp("stand-ins"))
    yield launcher
    for stand_in in launcher.made:
        if stand_in.process is not None and stand_in.process.poll() is None:
            stand_in.end()


@pytest.fixture(scope="session", name="pubsub_host")
def _pubsub_host() -> Generator[str]:
    """host:port of the Pub/Sub emulator, whose topics are each test's own to make."""
    port = free_port()
    host = f"127.0.0.1:{port}"
    with Supervisor() as supervisor:
        command, log = pubsub.command(port), supervisor.logs / "pubsub.log"
        ready = f"http://{host}/"
        supervisor.start(Process("pubsub", command, log=log, env=base_environment(), ready=ready))
        yield host


@pytest.fixture(name="agreed", params=["memory", "real"])
def _agreed(request: pytest.FixtureRequest) -> Stores:
    """Stores in agreement, in memory, then in real databases: a contract test runs on both."""
    if request.param == "memory":
        to: Stores = MemoryStores()
    else:
        names = ("core", "sql", "supabase", "supabase_sql")
        to = RealStores(*(request.getfixturevalue(name) for name in names))
    bring_into_agreement(to)
    return to
