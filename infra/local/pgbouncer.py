"""
A real PgBouncer in transaction mode, as a deployed core is reached through one.

The one on PATH, else Debian's package: downloaded and unpacked into a cache without being
installed, which needs no root. Elsewhere there is none.
"""

from __future__ import annotations

import functools
import os
import platform
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict

from infra.local.processes import Process, answers_tcp, base_environment

_PACKAGES = ("pgbouncer", "libevent-2.1-7", "libc-ares2")


@functools.cache
def pgbouncer() -> tuple[Path, Path] | None:
    """Return the program and the folder of its libraries; None where there is no way to one."""
    if found := shutil.which("pgbouncer"):
        return Path(found), Path("/usr/lib")
    if not (shutil.which("apt-get") and shutil.which("dpkg")):
        return None
    cache = Path(tempfile.gettempdir()) / f"healbridge-pgbouncer-{os.geteuid()}"
    program = cache / "usr/sbin/pgbouncer"
    if not program.exists() and not _unpack(cache):
        return None
    return program, next(cache.glob("usr/lib/*-linux-gnu*"), cache)


def _unpack(cache: Path) -> bool:
    """Download and unpack aside, then rename: two that do it at once do not meet."""
    aside = Path(tempfile.mkdtemp(prefix="healbridge-pgbouncer-"))
    aside.chmod(0o755)
    try:
        run = functools.partial(
            subprocess.run, cwd=aside, check=True, timeout=60, capture_output=True
        )
        run(["apt-get", "download", *_PACKAGES])
        for package in aside.glob("*.deb"):
            run(["dpkg", "-x", package.name, "."])
        aside.rename(cache)
    except (subprocess.SubprocessError, OSError):
        shutil.rmtree(aside, ignore_errors=True)
    return (cache / "usr/sbin/pgbouncer").exists()


def shared(port: int, dsn: str, servers: int) -> str:
    """Return settings by which all clients of a database share so many connections to it."""
    there = conninfo_to_dict(dsn)
    target = " ".join(
        f"{key}={there[key]}" for key in ("host", "port", "dbname", "user", "password")
    )
    return (
        f"[databases]\n{there['dbname']} = {target}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n"
        f"listen_port = {port}\nauth_type = any\npool_mode = transaction\nunix_socket_dir =\n"
        f"default_pool_size = {servers}\nserver_tls_sslmode = disable\n"
    )


def process(
    folder: Path, port: int, settings: str, passwords: Mapping[str, str] | None = None
) -> Process:
    """
    Return PgBouncer with these settings, in a folder that is for its own eyes; `passwords`, by
    user, become the file userlist.txt there.
    """
    found = pgbouncer()
    if found is None:
        raise RuntimeError(f"there is no PgBouncer for {platform.system()}")
    program, libraries = found
    folder.mkdir(mode=0o700)
    configuration, users = folder / "pgbouncer.ini", folder / "userlist.txt"
    configuration.write_text(settings)
    users.write_text("".join(f'"{u}" "{word}"\n' for u, word in (passwords or {}).items()))
    account = pwd.getpwnam("nobody") if os.geteuid() == 0 else None  # it refuses to run as root
    if account is not None:
        for path in (folder, configuration, users):
            os.chown(path, account.pw_uid, account.pw_gid)
    return Process(
        "pgbouncer",
        [str(program), "-q", str(configuration)],
        log=folder.with_suffix(".log"),
        env=base_environment(LD_LIBRARY_PATH=str(libraries)),
        user=account.pw_uid if account else None,
        group=account.pw_gid if account else None,
        ready=lambda: answers_tcp(port),
    )
