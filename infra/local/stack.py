"""
The whole local stack as one object: start it, join it through `build/stack.json`, stop it.

Everything listens on 127.0.0.1, on free ports, and lives in one run folder that is gone
afterwards. `stack.json` tells any other program how to take part.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import socket
import sys
import threading
from collections.abc import Mapping
from uuid import uuid4

from infra.local import buckets, pubsub
from infra.local.databases import make_core, make_supabase
from infra.local.firebase import Firebase, ingress
from infra.local.postgres import Postgres
from infra.local.processes import Process, base_environment, free_port
from infra.local.scheduler import Scheduler
from infra.local.stack_facts import (
    DOCUMENTS_BUCKET,
    PARTS,
    PDF_BUCKET,
    PROJECT,
    REPOSITORY,
    Facts,
    Options,
)
from infra.local.supervisor import Supervisor
from infra.local.toolchain import say
from shared import catalog


class Stack(Facts):
    """A running local stack. Use as a context manager from the main thread."""

    def __init__(self, options: Options | None = None) -> None:
        self.options = options or Options()
        self.supervisor = Supervisor()
        try:
            self._prepare()
        except BaseException:
            self.supervisor.stop()
            raise

    def _prepare(self) -> None:
        folder = self.supervisor.folder
        self.postgres = Postgres("postgres", folder / "postgres", free_port())
        self._ports = {name: free_port() for name in PARTS}
        self._front = socket.create_server(("127.0.0.1", self._ports["steps"]), backlog=512)
        self._secrets = {
            name: secrets.token_hex(24)
            for name in ("service", "anon", "webhook", "openai", "owner", "fingerprint")
        }
        self._scheduler: Scheduler | None = None
        self._stopped = threading.Event()
        self._deployed: dict[str, str] = {}
        self._namespace = str(uuid4())
        self.firebase = Firebase(
            folder / "firebase",
            REPOSITORY,
            ingress(catalog.load(), sign_in_hook=self.options.sign_in_hook),
            {},
            PROJECT,
        )
        # Beside stack.json and not in the run folder: after a failure they are still there.
        self._logs = self.options.stack_file.with_name(f"{self.options.stack_file.stem}-logs")
        shutil.rmtree(self._logs, ignore_errors=True)
        self._logs.mkdir(parents=True)

    def __enter__(self) -> Stack:
        # A terminated command must clean up before it ends, not leave that to the watchdog.
        signal.signal(signal.SIGTERM, _terminated)
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _start(self) -> None:
        say("starting PostgreSQL with pgvector")
        self.postgres.initdb(self.supervisor.id)
        self.supervisor.start(self.postgres.process(self._logs / "postgres.log"))
        server_dsn = self.postgres.dsn("postgres")
        self._logins = make_core(server_dsn, self.core_dsn, self._secrets["owner"])
        vault = {
            "healbridge_webhook_url": self.webhook_url,
            "healbridge_webhook_secret": self._secrets["webhook"],
        }
        make_supabase(server_dsn, self.supabase_dsn, vault)
        # What the emulator serves announces only: nothing of core.
        self.firebase.settings |= {
            name: value for name, value in self.settings().items() if not name.startswith("CORE_")
        }
        self.firebase.write()
        say("starting the Firebase and Pub/Sub emulators, Supabase and the step host (about 15 s)")
        self.supervisor.start(
            self.firebase.process(self._logs / "firebase.log"), *self._processes()
        )
        self._scheduler = Scheduler(
            self.url("steps"),
            {
                f.name: f.trigger["cron"]
                for f in catalog.load().functions.values()
                if f.trigger["kind"] == "schedule" and f.name not in self.options.unscheduled
            },
            self.options.schedule_period_s,
        )
        self.write_stack_file()
        threading.Thread(target=self._follow_pids, daemon=True).start()

    def _follow_pids(self) -> None:
        """Keep stack.json true when a process has died and was started again."""
        known = self.supervisor.pids()
        while not self._stopped.wait(0.3):
            pids = self.supervisor.pids()
            if pids != known and not self._stopped.is_set():
                known = pids
                self.write_stack_file()

    def reload(self) -> None:
        """Make the functions' processes read the code again."""
        self._steps.stop()  # the supervisor starts it again
        self.firebase.reload()

    def deploy(self, **settings: str) -> None:
        """
        Give the functions other settings, as a deployment does: new processes have them; requests
        that come meanwhile wait. Not those that the Firebase emulator serves.
        """
        self._deployed |= settings
        self._steps.env = self._functions_environment()
        self._steps.stop()  # the supervisor starts it again
        self.write_stack_file()

    def _functions_environment(self) -> dict[str, str]:
        return base_environment(**self.settings(), PYTHONPATH=str(REPOSITORY))

    def _processes(self) -> list[Process]:
        keys = {
            "SUPABASE_DSN": self.supabase_dsn,
            "SUPABASE_SERVICE_KEY": self._secrets["service"],
            "SUPABASE_ANON_KEY": self._secrets["anon"],
        }
        front = self._front.fileno()
        self._steps = Process(
            "steps",
            [sys.executable, "-m", "infra.local.host", "--socket", str(front)],
            log=self._logs / "steps.log",
            env=self._functions_environment(),
            cwd=REPOSITORY,
            ready=self.url("steps"),
            inherits=[front],
        )
        return [
            Process(
                "pubsub",
                pubsub.command(self._ports["pubsub"]),
                log=self._logs / "pubsub.log",
                ready=self.url("pubsub"),
                after_ready=self._create_topics,
            ),
            self._python(
                "supabase", "infra.local.supabase", "--firebase-project", PROJECT, env=keys
            ),
            self._python("embeddings", "infra.local.embeddings"),
            self._python("fcm", "infra.local.fcm", "--project", PROJECT),
            buckets.process("aws_s3", self._ports["aws_s3"], self._logs, PDF_BUCKET),
            buckets.process("storage_s3", self._ports["storage_s3"], self._logs, DOCUMENTS_BUCKET),
            self._steps,
            Process(
                "pg_net",
                [sys.executable, "-m", "infra.local.pg_net"],
                log=self._logs / "pg_net.log",
                env=base_environment(SUPABASE_DSN=self.supabase_dsn),
                cwd=REPOSITORY,
            ),
        ]

    def _python(
        self, name: str, module: str, *arguments: str, env: Mapping[str, str] | None = None
    ) -> Process:
        port = self._ports[name]
        return Process(
            name,
            [sys.executable, "-m", module, "--port", str(port), *arguments],
            log=self._logs / f"{name}.log",
            env=base_environment(**(env or {})),
            cwd=REPOSITORY,
            ready=self.url(name),
        )

    def _create_topics(self) -> None:
        pubsub.create_topics(
            catalog.load(),
            PROJECT,
            f"127.0.0.1:{self._ports['pubsub']}",
            lambda function: f"{self.url('steps')}/{function}",
            max_attempts_override=self.options.max_attempts,
            max_backoff_override_s=self.options.max_backoff_s,
        )

    def write_stack_file(self) -> None:
        """Write stack.json: whole or not at all, readable by its owner only (it holds keys)."""
        path = self.options.stack_file
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(f".{os.getpid()}")
        draft.touch(mode=0o600)
        draft.write_text(json.dumps(self.describe(), indent=2) + "\n")
        draft.replace(path)

    def stop(self) -> None:
        """End everything and remove stack.json."""
        self._stopped.set()
        if self._scheduler is not None:
            self._scheduler.stop()
        self.supervisor.stop()
        self._front.close()
        self.options.stack_file.unlink(missing_ok=True)


def _terminated(_number: int, _frame: object) -> None:
    sys.exit(143)  # what a shell reports of a command ended by SIGTERM
