"""
Run all targets for a while and write build/fuzz.json; `make fuzz SECONDS=600`.

    python -m tests.fuzz --seconds 600 [--target push ...]
    python -m tests.fuzz --reproduce build/fuzz/push-crash-1a2b3c

`inputs` counts inputs of all targets, `crashes` unexpected exceptions, broken rules and memory over
the bound, `hangs` inputs that took longer than 5 s, `server_errors` answers of ours with a 5xx.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from typing import Any

from tests.fuzz.environment import ENVIRONMENT
from tests.fuzz.findings import REPOSITORY, Finding, broken_by
from tests.fuzz.worker import FIRST, HANG_S

_AGAIN = 3  # starts of a worker that libFuzzer ended
_LEFT = {"timeout": "hang", "oom": "memory", "crash": "crash", "leak": "memory"}


def run(names: list[str], seconds: float, folder: Path, module: str) -> dict[str, Any]:
    """Give each target its share of the time, as many at once as there are cores."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*-*"):
        old.unlink()
    cores = max(1, min(os.cpu_count() or 1, len(names)))
    share = seconds * cores / len(names)
    began = time.monotonic()
    with ThreadPoolExecutor(cores) as pool:
        work = functools.partial(_work, seconds=share, folder=folder, module=module)
        states = list(pool.map(work, names))
    took = time.monotonic() - began
    findings = [finding for state in states for finding in state["findings"]]
    kinds = [finding["kind"] for finding in findings]
    inputs = sum(state["inputs"] for state in states)
    return {
        "inputs": inputs,
        "crashes": sum(kind not in ("hang", "server_error") for kind in kinds),
        "hangs": kinds.count("hang"),
        "server_errors": kinds.count("server_error"),
        "seconds": round(took, 1),
        "inputs_per_s": round(inputs / took),
        "guided_by_coverage": _guided(),
        "findings": findings,
        "targets": {name: state["inputs"] for name, state in zip(names, states, strict=True)},
    }


def _guided() -> bool:
    try:
        import_module("atheris")
    except ImportError:
        return False
    return True


def _work(name: str, seconds: float, folder: Path, module: str) -> dict[str, Any]:
    """Run a target's worker, again if libFuzzer ended it; return inputs and findings of all."""
    total: dict[str, Any] = {"inputs": 0, "findings": []}
    ends = time.monotonic() + seconds
    for _ in range(_AGAIN):
        left = ends - time.monotonic()
        if left <= 0:
            break
        told = folder / f"{name}.json"
        told.unlink(missing_ok=True)
        command = [sys.executable, "-m", "tests.fuzz.worker", name, str(left), str(folder), module]
        log = folder / f"{name}.log"
        with log.open("wb") as output:
            # Longer than the worker's own bounds: they failed if this one is needed.
            code = subprocess.run(
                command, cwd=REPOSITORY, stdout=output, stderr=output, check=False,
                timeout=left + 20 * HANG_S,
            ).returncode  # fmt: skip
        state = json.loads(told.read_text()) if told.exists() else {"inputs": 0, "findings": []}
        total["inputs"] += state["inputs"]
        total["findings"] += state["findings"]
        if code == 0:
            break
        total["findings"] += _ended(name, code, folder, log)
        if FIRST in os.environ:
            break
    return total


def _ended(name: str, code: int, folder: Path, log: Path) -> list[dict[str, str]]:
    """Return why a worker was ended: by what libFuzzer left, else by its exit code."""
    left = [path for word in _LEFT for path in folder.glob(f"{name}-{word}-*")]
    native = [path for path in left if len(path.name.rpartition("-")[2]) == 40]  # its own digests
    if not native:
        return [Finding(name, "crash", f"the worker ended with {code}", str(log)).as_json()]
    newest = max(native, key=lambda path: path.stat().st_mtime)
    kind = _LEFT[newest.name.removeprefix(f"{name}-").partition("-")[0]]
    return [Finding(name, kind, "ended by libFuzzer", str(newest)).as_json()]


def reproduce(path: Path, module: str) -> int:
    """Run one input again; print what it breaks."""
    targets = import_module(module).TARGETS
    name = max((n for n in targets if path.name.startswith(f"{n}-")), key=len)
    finding = broken_by(name, targets[name], path.read_bytes())
    sys.stderr.write(f"{finding or 'it holds now'}\n")
    return 1 if finding else 0


def main() -> None:
    """Run and report; fail when anything was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--target", action="append", default=[])
    parser.add_argument("--module", default="tests.fuzz.targets", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, default=REPOSITORY / "build" / "fuzz")
    parser.add_argument("--reproduce", type=Path)
    given = parser.parse_args()
    os.environ.update(ENVIRONMENT)
    if given.reproduce:
        sys.exit(reproduce(given.reproduce, given.module))
    names = given.target or list(import_module(given.module).TARGETS)
    report = run(names, given.seconds, given.folder, given.module)
    path = given.folder.with_suffix(".json")
    path.write_text(json.dumps(report, indent=2) + "\n")
    told = {key: value for key, value in report.items() if key not in ("findings", "targets")}
    sys.stdout.write(f"{json.dumps(told)}\n{path}\n")
    for finding in report["findings"]:
        sys.stdout.write(f"{finding['target']}: {finding['kind']}: {finding['where']}\n")
        sys.stdout.write(f"  python -m tests.fuzz --reproduce {finding['file']}\n")
    sys.exit(1 if report["findings"] else 0)


if __name__ == "__main__":
    main()
