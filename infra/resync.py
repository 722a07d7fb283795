"""
Announce entities again: `python -m infra.resync quote|run KIND`.

    python -m infra.resync quote prescription
    python -m infra.resync run prescription --budget-dollars 5 --per-second 200
    python -m infra.resync run document --keys 1f0c... 2b7e...
    python -m infra.resync run user --resume

KIND is what the catalog's topics announce; `user` reads Firebase, `core-user` goes from core on.
`run` prints the quote first and stops hard at the budget. Settings: shared/settings.py.
"""

from __future__ import annotations

import argparse
import sys

from shared.clients import Clients
from shared.patient_entities import entities_of
from shared.prices import NOTED, Quote
from shared.resyncing import estimate, kinds, resync, resync_some


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return 0 when all is announced, 3 when the budget stopped it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("command", choices=("quote", "run"))
    parser.add_argument("kind", choices=sorted(kinds()))
    parser.add_argument("--keys", nargs="+", default=[], help="only these entities")
    parser.add_argument("--uid", help="only this patient's")
    parser.add_argument("--budget", type=int, metavar="N", help="announce at most N entities")
    parser.add_argument("--budget-dollars", type=float, metavar="USD", help="spend at most USD")
    parser.add_argument("--per-second", type=float, default=500, help="entities a second")
    parser.add_argument("--resume", action="store_true", help="go on where the last run stopped")
    given = parser.parse_args(arguments)
    kind, to = kinds()[given.kind], Clients()
    quoted = estimate(kind, to)
    print(describe(quoted))
    if given.command == "quote":
        return 0
    if given.keys or given.uid:
        theirs = entities_of(given.uid, to) if given.uid else ()
        keys = [*given.keys, *(key for name, key in theirs if name == kind.name)]
        print(f"announced {resync_some(kind, keys, to)}")
        return 0
    state = None
    most = budget(quoted, given.budget, given.budget_dollars)
    for state in resync(kind, to, most=most, per_second=given.per_second, resume=given.resume):
        print(f"announced {state.announced} of about {quoted.entities}", flush=True)
    if state is not None and state.state == "budget":
        print("stopped at the budget; --resume goes on", file=sys.stderr)
        return 3
    return 0


def budget(quoted: Quote, entities: int | None, dollars: float | None) -> int | None:
    """Return how many entities both bounds allow, None for no bound."""
    bounds = [] if entities is None else [entities]
    if dollars is not None and quoted.each > 0:
        bounds.append(int(dollars / quoted.each))
    return min(bounds, default=None)


def describe(quoted: Quote) -> str:
    """Return a quote as text."""
    return (
        f"{quoted.entities} entities through {quoted.steps} steps: at most {quoted.reads} reads,"
        f" {quoted.writes} writes, {quoted.tokens} embedding tokens,"
        f" ${quoted.dollars:.2f} by list prices noted {NOTED}"
    )


if __name__ == "__main__":
    sys.exit(main())
