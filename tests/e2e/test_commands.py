"""The commands of the README, run as a newcomer runs them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from infra.local import watchdog
from infra.local.stack import REPOSITORY

# Of every flow something must have happened.
HAPPENED = {
    "profiles", "appointments_shown", "notifications", "pushes", "pdfs_copied", "conflicts",
}  # fmt: skip
KEYS = HAPPENED | {
    "patients", "users", "supabase_users", "documents", "medications", "prescriptions",
    "supabase_documents", "rag_chunks", "disagreements", "parked", "pending", "seconds",
    "erased_patients", "resurrected",
}  # fmt: skip


def test_the_demo_ends_in_agreement_and_leaves_nothing_behind() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "infra.local.demo", "--patients", "4"],
        cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=240,
    )  # fmt: skip

    assert run.returncode == 0, run.stdout + run.stderr
    assert "The three stores agree." in run.stdout
    result = json.loads((REPOSITORY / "build" / "demo.json").read_text())
    assert result.keys() >= KEYS
    assert (result["patients"], result["disagreements"], result["pending"]) == (4, 0, 0)
    assert (result["erased_patients"], result["resurrected"]) == (2, 0)
    assert {key for key in HAPPENED if not result[key] > 0} == set()
    assert not (REPOSITORY / "build" / "stack.json").exists()


def test_killing_the_dev_command_leaves_no_process(tmp_path: Path) -> None:
    stack_file = REPOSITORY / "build" / "stack.json"
    with (tmp_path / "dev.log").open("wb") as log:
        command = subprocess.Popen(
            [sys.executable, "-m", "infra.local.dev"], cwd=REPOSITORY, stdout=log, stderr=log
        )
        try:
            while not stack_file.exists():
                assert command.poll() is None, (tmp_path / "dev.log").read_text()
                time.sleep(0.2)
            pids = json.loads(stack_file.read_text())["pids"]
        finally:
            os.kill(command.pid, signal.SIGKILL)
            command.wait()
    stack_file.unlink()
    assert set(pids) >= {"postgres", "firebase", "pubsub", "supabase", "pg_net", "steps"}

    deadline = time.monotonic() + 30
    while watchdog.processes().keys() & set(pids.values()):
        assert time.monotonic() < deadline, "processes outlived the command"
        time.sleep(0.2)
