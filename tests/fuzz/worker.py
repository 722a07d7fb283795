"""
Throw inputs at one target until time is up: `python -m tests.fuzz.worker TARGET SECONDS FOLDER`.

With atheris, coverage of `shared` and `functions` decides which inputs are worth mutating further;
without it (it exists for Linux only) the seeds are mutated by chance. Progress goes to
FOLDER/TARGET.json every second, so that a worker that is killed for hanging has told what it did.
libFuzzer ends the process when an input takes longer than HANG_S, and leaves the input.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any

from tests.fuzz import findings, mutate
from tests.fuzz.environment import ENVIRONMENT
from tests.fuzz.findings import Finding, broken_by, keep, smallest

HANG_S = 5
FIRST = "FUZZ_FIRST"  # set: a target that has found something is done
MEMORY_MB = 1024
_MAX_BYTES = 8192
_KEPT = 20  # findings per target; what breaks in twenty places is mended first


class Worker:
    """One target and what became of it so far."""

    def __init__(self, name: str, target: findings.Target, seconds: float, folder: Path) -> None:
        self.name, self.target, self.folder = name, target, folder
        self.began = time.monotonic()
        self.ends, self.tells = self.began + seconds, self.began
        self.inputs = 0
        self.found: dict[tuple[str, str], Finding] = {}
        self.memory_before = 0

    def once(self, data: bytes) -> None:
        """Run one input; at the end of the time, tell and leave."""
        found = broken_by(self.name, self.target, data)
        self.inputs += 1
        if found and (found.kind, found.where) not in self.found and len(self.found) < _KEPT:
            small = smallest(self.name, self.target, data, found)
            self.found[found.kind, found.where] = keep(self.folder, found, small)
            self.tell()
            if FIRST in os.environ:
                os._exit(0)
        now = time.monotonic()
        if now >= self.tells:
            self.tell()
            self.tells = now + 1
        if now >= self.ends:
            self.tell()
            os._exit(0)  # libFuzzer never returns

    def tell(self) -> None:
        """Write down how far it is."""
        state = {
            "inputs": self.inputs,
            "seconds": round(time.monotonic() - self.began, 1),
            "findings": [found.as_json() for found in self.found.values()],
        }
        path = self.folder / f"{self.name}.json"
        path.with_suffix(".new").write_text(json.dumps(state))
        path.with_suffix(".new").replace(path)


def by_chance(worker: Worker, known: list[bytes]) -> None:
    """Mutate seeds, and now and then a mutant, without looking at coverage."""
    for data in known:
        worker.once(data)
    number = 0
    pool = list(known)
    while True:
        number += 1
        mutant = mutate.mutated(pool[number % len(pool)], number)
        if number % 50 == 0 and len(pool) < 500:
            pool.append(mutant)
        worker.once(mutant)


def by_coverage(atheris: Any, worker: Worker, known: list[bytes]) -> None:
    """Let libFuzzer choose; half of its mutants keep the form of JSON."""
    corpus = worker.folder / "corpus" / worker.name
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(known):
        (corpus / f"seed-{number}").write_bytes(seed)

    def mutant(data: bytes, limit: int, seed: int) -> bytes:
        if seed % 2:
            return mutate.mutated(data, seed, limit)
        return atheris.Mutate(data, limit)

    options = [
        *(
            f"-timeout={os.environ.get('FUZZ_HANG_S', HANG_S)}",
            f"-rss_limit_mb={MEMORY_MB}",
            f"-max_len={_MAX_BYTES}",
        ),
        *(f"-artifact_prefix={worker.folder}/{worker.name}-", "-print_final_stats=0"),
        *("-verbosity=0", str(corpus)),
    ]
    atheris.Setup([sys.argv[0], *options], worker.once, custom_mutator=mutant)
    atheris.Fuzz()


def main() -> None:
    """Run; the module of the targets is an argument, so that a test can plant bugs."""
    name, seconds, folder = sys.argv[1], float(sys.argv[2]), Path(sys.argv[3])
    module = sys.argv[4] if len(sys.argv) > 4 else "tests.fuzz.targets"
    os.environ.update(ENVIRONMENT)
    atheris: Any = None
    with contextlib.suppress(ImportError):
        atheris = import_module("atheris")
    # What decides about inputs must not be imported before: only what is imported here is measured.
    if atheris is None:
        targets = import_module(module)
    else:
        with atheris.instrument_imports(include=["shared", "functions", module]):
            targets = import_module(module)
    worker = Worker(name, targets.TARGETS[name], seconds, folder)
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the functions' log lines
    if atheris is None:
        by_chance(worker, targets.seeds(name))
    else:
        by_coverage(atheris, worker, targets.seeds(name))


if __name__ == "__main__":
    main()
