"""`reconcile`: compare the stores and have the ordinary chains repair what disagrees."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import Annotated, Any

import typer

from infra.command.answers import DONE, USAGE, WAITS, Answer, WrongError
from shared.clients import Clients
from shared.people.conflicts import read_operator
from shared.repair.orphans import remove
from shared.repair.projections import PROJECTIONS
from shared.repair.reconciliations import reconciliation
from shared.repair.reconciling import GRACE_S

_SHOWN = 20


def reconcile(
    kind: Annotated[
        str | None, typer.Option(help=f"One comparison only: {', '.join(PROJECTIONS)}.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Compare, repair nothing.")] = False,
    grace: Annotated[
        float, typer.Option(min=0, metavar="SECONDS", help="What moved so lately is under way.")
    ] = GRACE_S,
    remove_orphan: Annotated[
        list[str] | None, typer.Option(help="Remove this orphan; repeatable; needs --kind.")
    ] = None,
    operator: Annotated[str | None, typer.Option(help="Who orders the removal; kept.")] = None,
) -> Answer:
    """Compare and repair. Exits with 1 if something is left for a person (or, dry, differs)."""
    if kind is not None and kind not in PROJECTIONS:
        raise WrongError("kind", f"--kind must be one of {', '.join(PROJECTIONS)}", USAGE)
    to = Clients()
    if remove_orphan:
        if not kind or not operator:
            raise WrongError("orphans", "--remove-orphan needs --kind and --operator", USAGE)
        removed = remove(kind, remove_orphan, to, operator=read_operator(operator))
        return Answer({"removed": removed}, [f"{kind}: {removed} orphans removed"])
    data: dict[str, Any] = {}
    said: list[str] = []
    for name in [kind] if kind else PROJECTIONS:
        report, found = reconciliation(name, to, grace_s=grace).run(dry_run=dry_run)
        left = [finding for finding in found if not finding.repaired]
        data[name] = {
            "source_rows": report.source_rows, "target_rows": report.target_rows,
            "found": report.found, "repaired": report.repaired, "in_flight": report.in_flight,
            "complete": report.complete, "left": [asdict(finding) for finding in left],
        }  # fmt: skip
        said.append(
            f"{name}: {report.source_rows} and {report.target_rows} rows, {report.found} differ,"
            f" {report.repaired} being repaired, {report.in_flight} under way"
            + ("" if report.complete else "; more differs, run again")
        )
        counts = Counter((f.class_, f.code or "") for f in found)
        said += [f"  {n} {class_} {code}".rstrip() for (class_, code), n in sorted(counts.items())]
        said += [f"  {finding.class_} {finding.key}" for finding in left[:_SHOWN]]
    waits = any(row["found"] > row["repaired"] for row in data.values())
    return Answer(data, said, WAITS if waits else DONE)
