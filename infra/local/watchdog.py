"""
Leaves nothing behind: ends every process of a local stack, even those it was not told of.

Run as a process of its own (standard library only), with a pipe from the supervisor on stdin that
names the children. The kernel closes that pipe however the supervisor ends, `kill -9` included;
then everything is ended and the run folder deleted. Killing process groups would not do:
firebase-tools starts Java in a session of its own and abandons its Python workers. So a process
belongs to the stack if it is a told one, shares a told one's group, descends from one, or carries
the stack's marker in its environment. Nothing else is ever signalled.

Usage: python watchdog.py STACK_ID RUN_FOLDER
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

STACK = "HEALBRIDGE_STACK"  # environment marker of every process of one stack
PROCESS = "HEALBRIDGE_PROCESS"  # and of one child with all it started
OWNER_FILE = ".healbridge-stack"  # holds the stack id; only a folder with it is ever deleted
GRACE_S = 5.0
KILL_S = 5.0  # SIGKILL takes effect at once, unless the kernel holds the process in a disk wait
POLL_S = 0.05


class Row(NamedTuple):
    """One live process. `started` tells it from a later process that was given the same pid."""

    parent: int
    group: int
    started: str
    environment: str


class Root(NamedTuple):
    """A child of the supervisor: when it started, and the signal that asks it to stop."""

    started: str
    stop_signal: int


def processes() -> dict[int, Row]:
    """Return the live processes by pid (zombies have ended: a container may never reap them)."""
    rows = _from_proc() if Path("/proc/self/stat").exists() else _from_ps()
    return dict(rows)


def _from_proc() -> Iterator[tuple[int, Row]]:
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            # The name may hold spaces and brackets; the fields start after its last bracket.
            fields = (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()
        except OSError:  # it ended while we looked
            continue
        if fields[0] in "ZX":
            continue
        environment = ""
        with contextlib.suppress(OSError):  # not ours to read, so not ours to end
            environment = (folder / "environ").read_text(errors="replace").replace("\0", "\n")
        yield int(folder.name), Row(int(fields[1]), int(fields[2]), fields[19], environment)


def _from_ps() -> Iterator[tuple[int, Row]]:
    """Read the same from `ps`, for macOS, whose -E shows the environment after the command."""
    columns = ["-o", "pid=", "-o", "ppid=", "-o", "pgid=", "-o", "lstart=", "-o", "command="]
    listing = subprocess.run(
        ["ps", "-axwwE", *columns], capture_output=True, text=True, errors="replace", check=False
    )
    for line in listing.stdout.splitlines():
        pid, parent, group, *rest = line.split()
        # lstart is five words: weekday, month, day, time, year.
        row = Row(int(parent), int(group), " ".join(rest[:5]), "\n".join(rest[5:]))
        yield int(pid), row


def end(roots: Mapping[int, Root], marker: str, grace_s: float = GRACE_S) -> None:
    """End the roots and everything that belongs to them or carries `marker` (`NAME=value`).

    Each root gets its own stop signal, the others SIGTERM, and what is left after `grace_s`
    seconds SIGKILL. Returns when nothing is left, or what is left cannot be killed.
    """
    deadline = time.monotonic() + grace_s
    family: dict[int, str] = {}  # pid -> started; kept, for orphans lose the tie to their root
    signalled: set[int] = set()
    while True:
        alive = processes()
        family = {p: s for p, s in family.items() if p in alive and alive[p].started == s}
        family |= {p: alive[p].started for p in members(alive, roots, marker)}
        late = time.monotonic() > deadline
        if not family or time.monotonic() > deadline + KILL_S:
            return
        for pid in family:
            if late or pid not in signalled:
                _signal(pid, signal.SIGKILL if late else _asking(pid, alive, roots))
                signalled.add(pid)
        time.sleep(POLL_S)


def members(alive: Mapping[int, Row], roots: Mapping[int, Root], marker: str) -> set[int]:
    """Return the pids of the roots and of all that belongs to them or carries `marker`."""
    # A root's pid now worn by a stranger says nothing about anybody.
    ours = {p for p, r in roots.items() if p not in alive or alive[p].started == r.started}
    members = {
        pid
        for pid, row in alive.items()
        if pid in ours or row.group in ours or marker in row.environment.split("\n")
    }
    while True:
        children = {p for p, row in alive.items() if row.parent in members} - members
        if not children:
            return members - {os.getpid()}
        members |= children


def _asking(pid: int, alive: Mapping[int, Row], roots: Mapping[int, Root]) -> int:
    """Return the signal that asks `pid` to stop; 0 (none) if a live root winds it down itself.

    A root with a stop signal of its own is PostgreSQL: its postmaster must end its backends, or
    it takes their deaths for a crash and starts to recover.
    """
    if pid in roots:
        return roots[pid].stop_signal
    while pid in alive:
        pid = alive[pid].parent
        if pid in roots and roots[pid].stop_signal != signal.SIGTERM:
            return 0
    return signal.SIGTERM


def _signal(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def delete_run_folder(folder: Path, stack_id: str) -> None:
    """Delete `folder`, provided that its owner file names this stack."""
    try:
        ours = (folder / OWNER_FILE).read_text() == stack_id
    except OSError:
        return
    if ours:
        for pid_file in folder.glob("*/data/postmaster.pid"):
            _release_shared_memory(pid_file)
        shutil.rmtree(folder, ignore_errors=True)


def _release_shared_memory(pid_file: Path) -> None:
    """Remove the segment that keeps two servers off one data folder; a killed server leaves it.

    The file exists only after a kill. Its seventh line holds the segment's key and id.
    """
    with contextlib.suppress(OSError, IndexError):
        segment = pid_file.read_text().splitlines()[6].split()[1]
        subprocess.run(["ipcrm", "-m", segment], capture_output=True, check=False)


def main(stack_id: str, folder: Path) -> None:
    """Follow the pipe until it closes, then end the stack.

    Lines: `+PID SIGNAL` for a started child, `-PID` for one known to have ended.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # Only the end of the pipe ends the watchdog: it must outlive a closing terminal.
        signal.signal(number, signal.SIG_IGN)
    roots: dict[int, Root] = {}
    for line in sys.stdin:
        pid, *stop_signal = (int(word) for word in line[1:].split())
        row = processes().get(pid) if line[0] == "+" else None
        if row is None:
            roots.pop(pid, None)
        else:
            roots[pid] = Root(row.started, stop_signal[0])
    end(roots, f"{STACK}={stack_id}")
    delete_run_folder(folder, stack_id)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
