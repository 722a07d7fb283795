"""
`make chaos SEEDS=10000 START=1`: play the histories of many seeds, on all cores.

Writes build/chaos.json: `histories`, the number of histories that broke each law, `failing_seeds`.
Exits 1 if there is one; the first is made small and told. SEEDS=1 START=<seed> plays it again.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path

from tests.simulation.histories import history
from tests.simulation.laws import LAWS
from tests.simulation.many import play_all
from tests.simulation.shrink import smallest
from tests.simulation.trial import settings, try_moves, try_seed

RESULT = Path(__file__).resolve().parents[2] / "build" / "chaos.json"
_MOST_LISTED = 100


def main() -> int:
    """Play, report; return the exit code."""
    parser = argparse.ArgumentParser(prog="tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=10_000)
    parser.add_argument("--start", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args()
    if given.seeds < 1 or given.jobs < 1:
        parser.error("--seeds and --jobs must be at least 1")
    began = time.monotonic()
    broken = sorted(play_all(range(given.start, given.start + given.seeds), given.jobs), key=_seed)
    result = {
        "histories": given.seeds,
        **{law: sum(law in laws for _, laws in broken) for law in LAWS},
        "failing_seeds": [seed for seed, _ in broken[:_MOST_LISTED]],
    }
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    seconds = time.monotonic() - began
    print(f"{given.seeds} histories in {seconds:.0f} s, {len(broken)} broke a law: {result}")
    if broken:
        _explain(broken[0][0])
    return 1 if broken else 0


def _seed(broken: tuple[int, set[str]]) -> int:
    return broken[0]


def _explain(seed: int) -> None:
    """Print the smallest part of a seed's history that breaks the same law."""
    with settings():
        laws = try_seed(seed).laws
        moves = smallest(history(seed), lambda moves: bool(try_moves(moves).laws & laws))
        trial = try_moves(moves)
    print(f"\nseed {seed}, made small:")
    for line in trial.told:
        print(f"  {line}")
    for violation in trial.violations:
        print(f"  => {violation.law}: {violation.what}")
    print(f"\nagain: make chaos SEEDS=1 START={seed}")


if __name__ == "__main__":
    sys.exit(main())
