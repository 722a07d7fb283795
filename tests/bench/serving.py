"""One function as a process of its own, served by functions-framework as a deployed one is."""

from __future__ import annotations

import http.client
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from infra.local.processes import base_environment, free_port
from tests.bench.report import REPOSITORY

MAIN = REPOSITORY / "main.py"
BARE, LEAST = (Path(__file__).with_name(name) for name in ("bare.py", "least.py"))
_PATIENCE_S = 60.0


@dataclass(frozen=True)
class Call:
    """A request, and the answer that is the right one; by default any but a refusal."""

    body: bytes = b"{}"
    headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})
    right: int | None = None
    method: str = "POST"
    path: str = "/"


class Served:
    """A function that has given its first good answer. `ready_s` after its process was started."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, ready_s: float) -> None:
        self.pid, self.port, self.ready_s = process.pid, port, ready_s

    def rss_mb(self) -> float:
        """Return the resident memory of the process that does the work, in MB."""
        workers = _children(self.pid) or [self.pid]
        return max(_status_kb(pid, "VmRSS") for pid in workers) / 1024

    def post(self, call: Callable[[], Call], times: int, *, at_once: int = 1) -> float:
        """Send requests over `at_once` kept connections; return the seconds all took."""

        def send(count: int) -> None:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_PATIENCE_S)
            for _ in range(count):
                _good(connection, call())
            connection.close()

        share = [times // at_once + (n < times % at_once) for n in range(at_once)]
        began = time.perf_counter()
        with ThreadPoolExecutor(at_once) as threads:
            list(threads.map(send, share))
        return time.perf_counter() - began


@contextmanager
def served(
    target: str, source: Path, first: Call, env: Mapping[str, str], signature: str = "http"
) -> Generator[Served]:
    """Start a function, have it answer one call, lend it, end it."""
    port = free_port()
    environment = base_environment(
        FUNCTION_TARGET=target, FUNCTION_SIGNATURE_TYPE=signature, FUNCTION_SOURCE=str(source),
        HOST="127.0.0.1", PORT=str(port), **env,
    )  # fmt: skip
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "functions_framework"],
        env=environment, cwd=REPOSITORY, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        try:
            _first_answer(process, port, first)
        except (OSError, RuntimeError) as error:
            raise RuntimeError(f"{target} gave no first good answer: {error}") from None
        yield Served(process, port, time.perf_counter() - began)
    finally:
        process.terminate()
        process.wait()


def _first_answer(process: subprocess.Popen[bytes], port: int, call: Call) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_PATIENCE_S)
        try:
            connection.connect()
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("the function did not start") from None
            time.sleep(0.004)
        else:
            _good(connection, call)
            return
        finally:
            connection.close()


def _good(connection: http.client.HTTPConnection, call: Call) -> None:
    connection.request(call.method, call.path, call.body, dict(call.headers))
    answer = connection.getresponse()
    answer.read()
    if answer.status != call.right and (call.right or answer.status >= 400):
        raise RuntimeError(f"a function answered {call.method} {call.path} with {answer.status}")


def _children(pid: int) -> list[int]:
    """Return the processes that a process has started."""
    listed = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False
    )
    return [int(line) for line in listed.stdout.split()]


def _status_kb(pid: int, name: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1])
    raise RuntimeError(f"process {pid} has no {name}")
