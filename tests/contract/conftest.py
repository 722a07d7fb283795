"""What all contract tests share: a launcher of stand-ins that ends what it started."""

from __future__ import annotations

from collections.abc import Generator

import pytest

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
