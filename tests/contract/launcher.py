"""Start the local stack's stand-ins as processes, for the tests that talk to them."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from postgrest.exceptions import APIError
from supabase import Client, ClientOptions, create_client

from infra.local.processes import free_port

REPOSITORY = Path(__file__).parents[2]
JWT_SECRET = "a secret of the contract tests, at least 32 bytes"
FIREBASE_PROJECT = "demo-contract"


def until(holds: Callable[[], bool], seconds: float = 30) -> None:
    """Wait until something holds; an API error means not yet (the schema cache is being read)."""
    deadline = time.monotonic() + seconds
    while True:
        with contextlib.suppress(APIError):
            if holds():
                return
        assert time.monotonic() < deadline, "it never came to hold"
        time.sleep(0.02)


@dataclass(frozen=True)
class Project:
    """Where a Supabase project is, and the keys to it."""

    url: str
    dsn: str
    service_key: str = field(default_factory=lambda: secrets.token_hex(16))
    anon_key: str = field(default_factory=lambda: secrets.token_hex(16))

    @contextlib.contextmanager
    def client(self, key: str, token: str = "") -> Generator[Client]:
        """Lend a client with the given key; `token` is a bearer token other than the key."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        # No TLS context for loopback: making one costs 20 ms a client.
        with httpx.Client(timeout=20, trust_env=False, verify=self.url.startswith("https")) as http:
            options = ClientOptions(
                headers=headers,
                httpx_client=http,
                auto_refresh_token=False,
                persist_session=False,
                postgrest_client_retry=False,
            )
            yield create_client(self.url, key, options)


@dataclass
class StandIn:
    """One stand-in as a process; `says` is what it prints when it is ready."""

    argv: list[str]
    log: Path
    says: str = "listening"
    env: Mapping[str, str] = field(default_factory=dict[str, str])
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> StandIn:
        """Start it (again) and wait until it is ready."""
        self.spawn()
        until(self.is_ready, seconds=60)
        return self

    def is_ready(self) -> bool:
        """Tell whether it said so; fails with its log if it ended instead."""
        log = self.log.read_text()
        assert self.process is not None
        assert self.process.poll() is None, f"it ended:\n{log}"
        return self.says in log

    def spawn(self) -> None:
        """Start it without waiting."""
        command = [sys.executable, "-m", *self.argv]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command, cwd=REPOSITORY, stdout=log, stderr=log, env={**os.environ, **self.env}
            )

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send it a signal and return its exit code."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(timeout=60)


@dataclass
class Launcher:
    """Makes stand-ins and ends those that still run."""

    folder: Path
    made: list[StandIn] = field(default_factory=list)

    def make(self, module: str, *arguments: str, says: str = "listening", **env: str) -> StandIn:
        """Return `python -m infra.local.MODULE`, to be started."""
        log = self.folder / f"{module}-{len(self.made)}.log"
        self.made.append(StandIn([f"infra.local.{module}", *arguments], log, says, env))
        return self.made[-1]

    def supabase(self, dsn: str) -> tuple[Project, StandIn]:
        """Return a project and its stand-in over a database, to be started."""
        port = free_port()
        project = Project(f"http://127.0.0.1:{port}", dsn)
        return project, self.make(
            "supabase",
            *("--port", str(port), "--firebase-project", FIREBASE_PROJECT),
            SUPABASE_DSN=dsn,
            SUPABASE_SERVICE_KEY=project.service_key,
            SUPABASE_ANON_KEY=project.anon_key,
            SUPABASE_JWT_SECRET=JWT_SECRET,
        )
