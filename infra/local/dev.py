"""
`make dev`: keep a local stack running until Ctrl-C, and restart the functions when code changes.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

from infra.local.processes import StartError
from infra.local.stack import REPOSITORY, Options, Stack
from infra.local.toolchain import ToolMissingError, say

WATCHED = ("main.py", "functions", "shared")


def main() -> int:
    """Run until interrupted; return the exit code."""
    stopping = threading.Event()
    signal.signal(signal.SIGINT, lambda _number, _frame: stopping.set())
    try:
        with Stack(Options(environment=exporting())) as stack:
            _announce(stack)
            seen = newest_change()
            while not stopping.wait(0.5):
                latest = newest_change()
                if latest > seen:
                    seen = latest
                    say(
                        "code changed: restarting the step host, reloading the emulator's functions"
                    )
                    stack.reload()
    except (ToolMissingError, StartError) as error:
        print(f"dev: {error}", file=sys.stderr)
        return 1
    return 0


def exporting() -> dict[str, str]:
    """Return OpenTelemetry's variables of this environment: the functions export as they say."""
    return {name: value for name, value in os.environ.items() if name.startswith("OTEL_")}


def newest_change() -> float:
    """Return the time of the newest change of the functions' code."""
    paths = [REPOSITORY / name for name in WATCHED]
    files = [f for path in paths for f in (path.rglob("*") if path.is_dir() else [path])]
    return max(_modified(f) for f in files if f.suffix in {".py", ".json"})


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:  # deleted between listing and looking
        return time.time()


def _announce(stack: Stack) -> None:
    facts = stack.describe()
    width = max(len(name) for name in facts)
    for name, value in facts.items():
        if name not in {"pids", "settings"}:
            print(f"{name:{width}}  {value}")
    print(f"\nAll of this is in {os.path.relpath(stack.options.stack_file)}. Ctrl-C ends it.")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
