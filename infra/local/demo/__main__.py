"""
`make demo`: start the local stack, act as the apps do, wait until quiet, compare the stores.

Exits 0 only when nothing disagrees, is parked or is pending, and no erased patient came back.
Writes build/demo.json.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

from infra.local.demo import claims
from infra.local.demo.apps import Backend, EdgeFunction, PatientApp
from infra.local.demo.changes import amend
from infra.local.demo.compare import disagreements
from infra.local.demo.compare_notices import count_pushes, notice_disagreements, rows_of
from infra.local.demo.compare_search import copied
from infra.local.demo.erasing import leave, replay, traces, without
from infra.local.demo.people import papers, people, summary
from infra.local.demo.quiet import count_open, pending, wait_until_quiet
from infra.local.demo.stores import Stores, read
from infra.local.demo.timing import Chain, chains
from infra.local.demo.visits import Told, make_visits
from infra.local.processes import StartError, base_environment
from infra.local.stack import REPOSITORY, Stack
from infra.local.toolchain import ToolMissingError, say
from shared.stores.core import CoreDatabase
from shared.stores.core_progress import CoreProgress

DOCTORS = 3
RESULT = REPOSITORY / "build" / "demo.json"


def main() -> int:
    """Run the demo; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patients", type=int, default=25)
    arguments = parser.parse_args()
    if arguments.patients < 1:
        parser.error("--patients must be at least 1")
    try:
        with Stack() as stack:
            return demonstrate(stack.describe(), arguments.patients, stack.settings())
    except (ToolMissingError, StartError) as error:
        print(f"demo: {error}\n(logs of the local stack: build/stack-logs)", file=sys.stderr)
        return 1


def demonstrate(stack: dict[str, Any], patients: int, settings: Mapping[str, str]) -> int:
    """Act, wait, compare, report."""
    began = time.monotonic()
    progress = CoreProgress(CoreDatabase(stack["core_dsn"]))

    def settle() -> dict[str, int]:
        return wait_until_quiet(lambda: count_open(progress, stack), timeout_s=60 + patients)

    told = act(stack, patients, settle)
    settle()
    told += amend(stack)
    settle()
    decided = claims.decide(stack)
    settle()
    leavers = leave(stack)
    settle()
    replay(stack, leavers)
    counts = settle()
    left = {person.uid for person in leavers}
    told = [piece for piece in told if piece[0] not in left]
    stores = without(read(stack), leavers)
    found = disagreements(stores) + notice_disagreements(stores, told)
    result = _result(stores, patients, found, counts, time.monotonic() - began)
    result |= {"profiles": len(stores.profiles), "conflicts": decided, "drift": drift(settings)}
    found_again = {person.uid: traces(stack, person) for person in leavers}
    result |= {"erased_patients": len(leavers), "resurrected": sum(map(bool, found_again.values()))}
    _table(chains(stack))
    for line in found[:20]:
        print(f"  disagrees: {line}")
    for places in found_again.values():
        for place in places:
            print(f"  came back: {place}")
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    print(f"\nstatus\n{standing(settings)}")
    undecided = counts["conflicts"]
    agreed = not (
        undecided
        or any(
            result[key] for key in ("disagreements", "parked", "pending", "drift", "resurrected")
        )
    )
    print(
        f"\n{'The three stores agree.' if agreed else 'The stores do NOT agree.'}"
        f" {result['users']} users, {result['documents']} documents,"
        f" {result['medications']} medications, {result['prescriptions']} prescriptions,"
        f" {result['rag_chunks']} chunks, {result['appointments_shown']} appointments,"
        f" {result['notifications']} notifications ({result['pushes']} pushes),"
        f" {result['erased_patients']} patients erased, {result['resurrected']} came back"
        f" in {result['seconds']} s (build/demo.json)"
    )
    print(
        f"The status page was at {stack['status_page']} and ends with this stack;"
        " `make dev` keeps one, and prints its address as status_page."
    )
    return 0 if agreed else 1


def drift(settings: Mapping[str, str]) -> int:
    """Return how many comparisons of the sync's own reconciliation find something."""
    command = [sys.executable, "-m", "infra.command", "reconcile", "--dry-run", "--grace", "0"]
    done = subprocess.run(
        command, env=base_environment(**settings), cwd=REPOSITORY, check=False, text=True,
        stdout=subprocess.PIPE,
    )  # fmt: skip
    print("\nreconciliation\n" + "".join(f"  {line}\n" for line in done.stdout.splitlines()))
    return done.returncode


def standing(settings: Mapping[str, str]) -> str:
    """Return what `./healbridge-sync status` says of the stack."""
    command = [sys.executable, "-m", "infra.command", "status"]
    done = subprocess.run(
        command, env=base_environment(**settings), cwd=REPOSITORY, check=False, text=True,
        stdout=subprocess.PIPE,
    )  # fmt: skip
    return "".join(f"  {line}\n" for line in done.stdout.splitlines())


def act(stack: dict[str, Any], patients: int, settle: Callable[[], dict[str, int]]) -> list[Told]:
    """Do what the apps do, all chains at once; return what patients are to be told of visits."""
    app, edge, backend = PatientApp(stack), EdgeFunction(stack), Backend(stack)
    for number in range(DOCTORS):
        backend.add_doctor(f"doctor-{number}")
    uids: list[str] = []
    crowd = people(patients)
    claims.type_in(backend, crowd)
    for number, person in enumerate(crowd):
        uid = app.sign_up(person)
        uids.append(uid)
        sent = papers(uid, number)
        edge.insert(sent)
        for paper in sent[::3]:
            edge.index(paper)
        if (number + 1) % 10 == 0 or number + 1 == patients:
            say(f"{number + 1} of {patients} patients signed up and sent their documents")
    claims.change(app, crowd, uids)
    _wait(lambda: backend.knows(uids) == patients, 60, "every patient to be in core")
    for number, uid in enumerate(uids):
        if number % 3 != 2:
            backend.prescribe(uid, f"doctor-{number % DOCTORS}", f"prescription-{number}",
                              summary(number), printed=number % 5 != 4)  # fmt: skip
    say("doctors have written their prescriptions; now appointments are booked, moved, cancelled")
    doctors = [f"doctor-{number}" for number in range(DOCTORS)]
    return make_visits(stack, uids, doctors, settle)


def _wait(condition: Callable[[], bool], timeout_s: float, what: str) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise StartError(f"waited {timeout_s:.0f} s in vain for {what}")
        time.sleep(0.1)


def _result(
    stores: Stores, patients: int, found: list[str], counts: dict[str, int], seconds: float
) -> dict[str, Any]:
    return {
        "patients": patients,
        "users": len(stores.users),
        "supabase_users": len(stores.auth_users),
        "documents": len(stores.documents),
        "medications": len(stores.medications),
        "prescriptions": len(stores.prescriptions),
        "supabase_documents": len(stores.uploads) + len(stores.mirrors),
        "rag_chunks": len(stores.chunks),
        "appointments_shown": rows_of(stores.shown_appointments, "doctors/"),
        "notifications": len(stores.notifications),
        "pushes": count_pushes(stores),
        "pdfs_copied": copied(stores),
        "disagreements": len(found),
        "parked": counts["parked"],
        "pending": pending(counts),
        "seconds": round(seconds, 1),
    }


def _table(rows: list[Chain]) -> None:
    print(f"\n{'chain':14} {'events':>7} {'done':>7} {'parked':>7} {'p50':>9} {'p95':>9}")
    for row in rows:
        print(
            f"{row.name:14} {row.events:7} {row.done:7} {row.parked:7}"
            f" {row.p50 * 1000:6.0f} ms {row.p95 * 1000:6.0f} ms"
        )


if __name__ == "__main__":
    sys.exit(main())
