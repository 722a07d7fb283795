"""
Compare the stores and repair what disagrees: `python -m infra.reconcile [--dry-run] [--kind K]`.

Reads the functions' settings from the environment (shared/settings.py). Orphans are reported, and
removed only when named: `--kind documents --operator asha --remove-orphans KEY...`. Exits with 0
when the stores agree or everything that differed is being repaired, with 1 when something is left
for a person.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter

from shared.clients import Clients
from shared.orphans import OrphanError, remove
from shared.projections import PROJECTIONS
from shared.reconciliations import reconciliation
from shared.reconciling import GRACE_S


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kind", choices=sorted(PROJECTIONS), help="one comparison only")
    parser.add_argument("--dry-run", action="store_true", help="compare, repair nothing")
    parser.add_argument("--grace", type=float, default=GRACE_S, metavar="SECONDS",
                        help="what moved so lately may still be on its way")  # fmt: skip
    parser.add_argument("--remove-orphans", nargs="+", metavar="KEY", default=[])
    parser.add_argument("--operator", help="who orders the removal; kept with it")
    given = parser.parse_args(arguments)
    if given.remove_orphans and not (given.kind and given.operator):
        parser.error("--remove-orphans needs --kind and --operator")
    to = Clients()
    if given.remove_orphans:
        return _remove(given, to)
    left = [_compare(name, to, given) for name in PROJECTIONS if given.kind in {None, name}]
    return 1 if any(left) else 0


def _compare(name: str, to: Clients, given: argparse.Namespace) -> int:
    """Compare and print; return how much is left for a person (in a dry run, or for good)."""
    report, found = reconciliation(name, to, grace_s=given.grace).run(dry_run=given.dry_run)
    print(
        f"{name}: {report.source_rows} and {report.target_rows} rows, {report.found} differ,"
        f" {report.repaired} being repaired, {report.in_flight} under way"
        + ("" if report.complete else "; more differs, run again")
    )
    counts = Counter((f.class_, f.code or "") for f in found)
    for (class_, code), count in sorted(counts.items()):
        print(f"  {count} {class_} {code}".rstrip())
    for finding in [f for f in found if not f.repaired][:20]:
        print(f"  {finding.class_} {finding.key}")
    return report.found - report.repaired


def _remove(given: argparse.Namespace, to: Clients) -> int:
    name = given.kind
    try:
        removed = remove(name, given.remove_orphans, to, operator=given.operator)
    except OrphanError as error:
        print(f"reconcile: {error}", file=sys.stderr)
        return 1
    print(f"{name}: {removed} orphans removed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
