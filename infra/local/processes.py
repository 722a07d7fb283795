"""One child process of the local stack: how it starts, when it is ready, how it ends."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from infra.local import watchdog

# PostgreSQL, which never runs as root, is started as another user: then Python forks, and gRPC's
# handlers run between fork and exec. While a channel of this process is in use they can abort the
# child. gRPC reads this at its first use.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")

INHERITED = ("PATH", "HOME", "USER", "LANG", "LC_ALL", "TMPDIR")
_handed_out: set[int] = set()


class StartError(RuntimeError):
    """A process ended or stayed silent instead of getting ready; shows the end of its log."""


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 nobody listens on, never the same one twice.

    Chosen below the range that outgoing connections take theirs from (32768 and up on Linux,
    49152 and up on macOS): no client socket can be given it before the server binds it.
    """
    while True:
        port = random.randrange(20_000, 32_000)
        if port in _handed_out:
            continue
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            _handed_out.add(port)
            return port


def base_environment(**extra: str) -> dict[str, str]:
    """Return the few inherited variables every child needs, and `extra`.

    Not the whole environment: a developer's cloud credentials, proxies and PG* variables must
    neither reach the local stack nor change how it behaves.
    """
    return {name: os.environ[name] for name in INHERITED if name in os.environ} | extra


@dataclass
class Process:
    """One child process. `env` is its whole environment; its output is appended to `log`.

    `ready` is a URL that answers, or a callable that tells; `after_ready` runs each time the
    process got ready, so also after a restart (the Pub/Sub emulator forgets its topics). `inherits`
    are open files it gets: a socket that listens in the parent goes on listening while it is down.
    """

    name: str
    argv: Sequence[str]
    log: Path
    env: Mapping[str, str] = field(default_factory=base_environment)
    cwd: Path = Path("/")
    user: int | None = None
    group: int | None = None
    ready: Callable[[], bool] | str | None = None
    ready_timeout_s: float = 60.0
    after_ready: Callable[[], None] | None = None
    inherits: Sequence[int] = ()
    stop_signal: int = signal.SIGTERM
    stop_timeout_s: float = watchdog.GRACE_S
    _child: subprocess.Popen[bytes] | None = field(default=None, init=False, repr=False)
    _starts: int = field(default=0, init=False, repr=False)
    _marker: str = field(default="", init=False, repr=False)

    def start(self, stack_id: str) -> int:
        """Start it in a session of its own, marked as part of the stack; return its pid."""
        if self._marker:
            # What its earlier, killed run left behind would still hold its ports.
            watchdog.end({}, self._marker, grace_s=0)
        # Numbered, so that `stop`, still looking for the rest of one run, spares the next.
        self._starts += 1
        mark = f"{stack_id}/{self.name}/{self._starts}"
        self._marker = f"{watchdog.PROCESS}={mark}"
        with self.log.open("ab") as log:
            self._child = subprocess.Popen(
                self.argv,
                env={**self.env, watchdog.STACK: stack_id, watchdog.PROCESS: mark},
                cwd=self.cwd,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=self.inherits,
                user=self.user,
                group=self.group,
                extra_groups=None if self.user is None else [],
            )
        return self._child.pid

    @property
    def pid(self) -> int:
        """Its pid, 0 before its start."""
        return self._child.pid if self._child else 0

    def alive(self) -> bool:
        """Tell whether it runs."""
        return self._child is not None and self._child.poll() is None

    def wait(self) -> None:
        """Return when it has ended."""
        if self._child is not None:
            self._child.wait()

    def wait_ready(self) -> None:
        """Return once it is ready.

        Raises:
            StartError: it ended, or `ready_timeout_s` passed.
        """
        deadline = time.monotonic() + self.ready_timeout_s
        while not self._is_ready():
            if not self.alive():
                raise StartError(f"{self.name} ended while starting:\n{self._log_end()}")
            if time.monotonic() > deadline:
                waited = f"was not ready after {self.ready_timeout_s:.0f} s"
                raise StartError(f"{self.name} {waited}:\n{self._log_end()}")
            time.sleep(0.03)
        if self.after_ready is not None:
            self.after_ready()

    def stop(self) -> None:
        """Ask it and all it started to stop, insist after `stop_timeout_s`, return when done."""
        child, marker = self._child, self._marker
        if child is None:
            return
        roots: dict[int, watchdog.Root] = {}
        if child.poll() is None and (row := watchdog.processes().get(child.pid)):
            roots[child.pid] = watchdog.Root(row.started, self.stop_signal)
        watchdog.end(roots, marker, self.stop_timeout_s)
        child.wait()

    def family(self) -> set[int]:
        """Return the pids of it and of all it started."""
        alive = watchdog.processes()
        row = alive.get(self.pid)
        roots = {self.pid: watchdog.Root(row.started, self.stop_signal)} if row else {}
        return watchdog.members(alive, roots, self._marker)

    def kill(self) -> None:
        """Kill it alone and at once (SIGKILL), as a crash would."""
        if self._child is not None:
            self._child.kill()

    def _is_ready(self) -> bool:
        if callable(self.ready):
            return self.ready()
        return self.ready is None or answers(self.ready)

    def _log_end(self, lines: int = 15) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


def answers(url: str) -> bool:
    """Tell whether an HTTP server answers at `url`, with whatever status."""
    try:
        urllib.request.urlopen(url, timeout=2).close()  # noqa: S310 - our own loopback URL
    except urllib.error.HTTPError as refusal:
        refusal.close()
    except OSError:
        return False
    return True


def answers_tcp(port: int) -> bool:
    """Tell whether a server accepts connections on a port of 127.0.0.1."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=2).close()
    except OSError:
        return False
    return True
