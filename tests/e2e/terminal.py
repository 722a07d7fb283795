"""Somebody at a terminal: the operator's command in this process, or in one of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from infra.command import erase
from infra.command.app import app
from infra.local.stack import REPOSITORY


class Operator:
    """Somebody who speaks to the stack of a stack.json."""

    def __init__(self, stack_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._stack = ["--stack", str(stack_file)]
        self._monkeypatch = monkeypatch

    def run(self, *arguments: str, given: str | None = None) -> Result:
        """Run a command; `given` is what is typed when it asks."""
        if given is not None:
            self._monkeypatch.setattr(erase, "attended", lambda: True)
        result = CliRunner().invoke(app, [*self._stack, *arguments], input=given)
        expected = result.exception is None or isinstance(result.exception, SystemExit)
        assert expected, result.exception
        return result

    def json(self, *arguments: str, code: int = 0) -> Any:
        """Return the answer of a command that leaves with `code`."""
        result = self.run(*arguments, "--json")
        assert result.exit_code == code, result.output
        return json.loads(result.stdout if code < 2 or code == 3 else result.stderr)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a command as a process."""
        return subprocess.Popen(
            [sys.executable, "-m", "infra.command", *self._stack, *arguments],
            cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
