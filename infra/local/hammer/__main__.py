"""
`make hammer ROUNDS=50`: strike a local stack of its own, round after round, until one goes wrong.

Writes build/hammer.json. Exits 0 only when nothing is lost, divergent or left parked. A round takes
about ten seconds. `make hammer PAUSE=60` kills nothing: each store stands still for a minute, with
the retry settings of the deployment, and everything arrives with no hand.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial

from infra.local.hammer.rounds import Hammer, Result, as_json
from infra.local.hammer.standstill import STORES
from infra.local.processes import StartError
from infra.local.stack import REPOSITORY, Options, Stack
from infra.local.toolchain import ToolMissingError

RESULT = REPOSITORY / "build" / "hammer.json"


# Redelivered within two seconds: what has not come again in twenty is lost. The Pub/Sub emulator
# now and then forgets a message whose push was refused; the service itself does not.
QUICK = Options(max_backoff_s=2, environment={"OVERDUE_S": "20"})


def main() -> int:
    """Strike; return the exit code."""
    parser = argparse.ArgumentParser(prog="infra.local.hammer", description=__doc__)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--pause", type=float, default=0.0)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    given = parser.parse_args()
    if given.rounds < 1:
        parser.error("--rounds must be at least 1")
    print(f"seed {given.seed}")
    try:
        with Stack(Options() if given.pause else QUICK) as stack:
            hammer = Hammer(stack, seed=given.seed)
            if given.pause:
                blows = [partial(hammer.stand_still, store, given.pause) for store in STORES]
            else:
                blows = [hammer.strike] * given.rounds
            return _strike(hammer, blows, given.seed)
    except (ToolMissingError, StartError) as error:
        print(f"hammer: {error}\n(logs of the local stack: build/stack-logs)", file=sys.stderr)
        return 1


def _strike(hammer: Hammer, blows: Sequence[Callable[[], Result]], seed: int) -> int:
    began = time.monotonic()
    try:
        for blow in blows:
            if not blow().unharmed:
                break
    finally:
        hammer.close()
    result = as_json(hammer.result) | {"seconds": round(time.monotonic() - began, 1), "seed": seed}
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    for line in hammer.result.found:
        print(f"  {line}")
    print(f"{result} (build/hammer.json)")
    return 0 if hammer.result.unharmed else 1


if __name__ == "__main__":
    sys.exit(main())
