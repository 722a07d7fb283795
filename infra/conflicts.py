"""
Conflicts from the command line: what waits for a person, and the decision.

`python -m infra.conflicts list`, `... decide 17 give_to_this --operator asha`.
Takes the functions' settings from the environment, or those of a local stack with --stack FILE.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from shared.clients import Clients
from shared.conflicts import DECISIONS, decide, read_decision
from shared.errors import RequestError, SyncError

# Settings of the functions, by their name in a local stack's stack.json.
_STACK = {
    "CORE_DSN": "core_operator_dsn",
    "SUPABASE_URL": "supabase_url",
    "SUPABASE_SERVICE_KEY": "supabase_service_key",
    "GOOGLE_CLOUD_PROJECT": "project_id",
    "PUBSUB_EMULATOR_HOST": "pubsub_emulator",
    "FIREBASE_AUTH_EMULATOR_HOST": "auth_emulator",
}


def main(arguments: list[str] | None = None) -> int:
    """Run a command; return the exit code."""
    given = _parser().parse_args(arguments)
    if given.stack:
        facts = json.loads(given.stack.read_text())
        os.environ.update({setting: facts[name] for setting, name in _STACK.items()})
    try:
        if given.command == "list":
            _list(Clients())
        else:
            _decide(Clients(), given)
    except RequestError as error:
        print(f"conflicts: {error.message}", file=sys.stderr)
        return 1
    except SyncError as error:
        print(f"conflicts: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stack", type=Path, help="stack.json of a local stack")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="show the open conflicts")
    deciding = commands.add_parser("decide", help="decide one")
    deciding.add_argument("conflict", type=int, help="its number in the list")
    deciding.add_argument("decision", choices=DECISIONS)
    deciding.add_argument("--operator", required=True, help="who decides; kept with the decision")
    return parser


def _list(to: Clients) -> None:
    """Print ids only: who a uid is, the operator looks up where they may."""
    for c in to.core_conflicts.open():
        print(f"{c.id}\t{c.kind} {c.key}\t{c.field} is held by {c.other}\t({c.step})")


def _decide(to: Clients, given: argparse.Namespace) -> None:
    made = read_decision(vars(given))
    announced = decide(
        made,
        conflicts=to.core_conflicts,
        accounts=to.accounts,
        mirror=to.supabase_users,
        publish=to.publish,
    )
    print(f"{made.decision}: {announced} users announced again")


if __name__ == "__main__":
    sys.exit(main())
