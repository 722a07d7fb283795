"""The operator's command in this process, over the test's own stores."""

from __future__ import annotations

import json
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from infra.command import erase, reconcile, retry, status, watch
from infra.command.app import app
from tests.contract.real_stores import RealStores


class Commanding:
    """Somebody at a terminal."""

    def __init__(self, to: RealStores, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch
        monkeypatch.setenv("CORE_DSN", "the test's own")  # or a local stack would be spoken to
        for command in (erase, reconcile, retry, status, watch):
            monkeypatch.setattr(command, "Clients", lambda: to)

    def run(self, *arguments: str, typed: str | None = None) -> Result:
        """Run a command; `typed` is what is typed when it asks, None with nobody there."""
        self._monkeypatch.setattr(erase, "attended", lambda: typed is not None)
        return CliRunner().invoke(app, arguments, input=typed)

    def json(self, *arguments: str, code: int = 0) -> Any:
        """Return the answer of a command that leaves with `code`, and nothing else on stdout."""
        result = self.run(*arguments, "--json")
        assert result.exit_code == code, result.output
        return json.loads(result.stdout)
