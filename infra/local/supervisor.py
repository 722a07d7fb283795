"""
Start processes, restart those that die, and end all of them whatever happens to this one.

    with Supervisor() as stack:
        stack.start(Process("core", argv, log=stack.logs / "core.log", ready=url), ...)

Ending normally stops the children in reverse order. After SIGTERM or `kill -9` of this process,
or a second Ctrl-C, the watchdog (watchdog.py) does what is left to do.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from infra.local import watchdog
from infra.local.processes import Process, StartError
from infra.local.toolchain import say

RESTART_PAUSE_S = 1.0  # a child is restarted at most once in this time


class Watchdog:
    """The supervisor's end of watchdog.py: tell it pids; it acts when this end closes."""

    def __init__(self, stack_id: str, folder: Path) -> None:
        # Unbuffered: a line is with the watchdog, or known to be lost, when the write returns.
        # Python hands no descriptor on to children, so nobody else can hold this pipe open.
        self._child = subprocess.Popen(
            [sys.executable, "-I", watchdog.__file__, stack_id, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            bufsize=0,
            start_new_session=True,
        )
        assert self._child.stdin is not None  # noqa: S101 - a pipe was asked for
        self._pipe = self._child.stdin
        self.pid = self._child.pid

    def tell(self, pid: int, stop_signal: int) -> None:
        """Make it end `pid` too."""
        self._write(f"+{pid} {stop_signal}\n")

    def forget(self, pid: int) -> None:
        """Tell it that `pid` has ended."""
        self._write(f"-{pid}\n")

    def wait(self) -> None:
        """Return when it has ended."""
        self._child.wait()

    def close(self) -> None:
        """Make it do its work; return when it is done."""
        self._pipe.close()
        self._child.wait()

    def _write(self, line: str) -> None:
        # A killed watchdog is replaced by the supervisor, which tells the next one everything.
        with contextlib.suppress(BrokenPipeError):
            self._pipe.write(line.encode())


class Supervisor:
    """Several processes as one: started in order, kept alive, stopped in reverse order.

    `folder` is the run folder (deleted at the end), `logs` the folder for logs in it. Use it from
    the main thread only.
    """

    def __init__(self) -> None:
        self.id = secrets.token_hex(4)
        self.folder = Path(tempfile.mkdtemp(prefix="healbridge-"))
        # Passable but not listable: PostgreSQL may run as another user below it.
        self.folder.chmod(0o711)
        (self.folder / watchdog.OWNER_FILE).write_text(self.id)
        self.logs = self.folder / "logs"
        self.logs.mkdir(mode=0o700)
        self._processes: list[Process] = []
        self._stopping = threading.Event()
        self._lock = threading.Lock()  # starting a child, stopping, changing the watchdog
        self._watchdog = Watchdog(self.id, self.folder)
        threading.Thread(target=self._keep_watchdog, daemon=True).start()

    def start(self, *processes: Process) -> None:
        """Start them in order, then wait until all are ready; from then on they are restarted.

        Raises:
            StartError: one of them did not get ready.
        """
        for process in processes:
            with self._lock:
                self._processes.append(process)
                self._launch(process)
        for process in processes:
            process.wait_ready()
            threading.Thread(target=self._keep, args=(process,), daemon=True).start()

    def pids(self) -> dict[str, int]:
        """Return the pid of each process that runs now, by name; the watchdog's too."""
        running = {process.name: process.pid for process in self._processes if process.alive()}
        return running | {"watchdog": self._watchdog.pid}

    def named(self, name: str) -> Process:
        """Return one of the processes."""
        return next(process for process in self._processes if process.name == name)

    def stop(self) -> None:
        """End everything and delete the run folder; a second call does nothing."""
        with self._lock:
            self._stopping.set()
        for process in reversed(self._processes):
            process.stop()
        self._processes.clear()
        self._watchdog.close()

    def __enter__(self) -> Supervisor:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _launch(self, process: Process) -> None:
        pid = process.start(self.id)
        self._watchdog.tell(pid, process.stop_signal)

    def _keep(self, process: Process) -> None:
        """Start `process` again whenever it dies."""
        while True:
            started = time.monotonic()
            process.wait()
            pause = started + RESTART_PAUSE_S - time.monotonic()
            if self._stopping.wait(max(pause, 0)):
                return
            with self._lock:
                if self._stopping.is_set():
                    return
                self._watchdog.forget(process.pid)
                self._launch(process)
            say(f"{process.name} had died and was started again")
            try:
                process.wait_ready()
            except (StartError, OSError) as failure:
                if not self._stopping.is_set():
                    say(f"{process.name}: {failure}")

    def _keep_watchdog(self) -> None:
        """Replace a watchdog that was killed: leaving nothing behind depends on it."""
        while True:
            self._watchdog.wait()
            with self._lock:
                if self._stopping.is_set():
                    return
                self._watchdog.close()
                self._watchdog = Watchdog(self.id, self.folder)
                for process in self._processes:
                    if process.alive():
                        self._watchdog.tell(process.pid, process.stop_signal)


def run_guarded(
    argv: Sequence[str], *, env: Mapping[str, str], cwd: Path, keep_open: Sequence[int] = ()
) -> int:
    """Run a command to its end and return its exit code; it cannot outlive this process.

    Its output goes to stderr. `keep_open` are file descriptors it inherits.
    """
    stack_id = secrets.token_hex(4)
    guard = Watchdog(stack_id, Path(os.devnull))
    try:
        child = subprocess.Popen(
            argv,
            env={**env, watchdog.STACK: stack_id},
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr,
            pass_fds=keep_open,
            start_new_session=True,
        )
        guard.tell(child.pid, signal.SIGTERM)
        return child.wait()
    finally:
        guard.close()
