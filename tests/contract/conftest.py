"""What all contract tests share: a launcher of stand-ins that ends what it started."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from tests.contract.launcher import Launcher


@pytest.fixture(scope="session", name="launcher")
def _launcher(tmp_path_factory: pytest.TempPathFactory) -> Generator[Launcher]:
    launcher = Launcher(tmp_path_factory.mktemp("stand-ins"))
    yield launcher
    for stand_in in launcher.made:
        if stand_in.process is not None and stand_in.process.poll() is None:
            stand_in.end()
