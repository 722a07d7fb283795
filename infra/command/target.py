"""
Which deployment the command speaks to: a local stack, or the one whose settings are in the
environment (shared/settings.py), as the functions have them.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from infra.command.answers import USAGE, WrongError

REPOSITORY = Path(__file__).parents[2]
STACK = REPOSITORY / "build" / "stack.json"

_facts: dict[str, Any] = {}


def choose(stack: Path | None, *, local: bool) -> None:
    """
    Take the settings of a local stack if one is asked for, or runs and the environment has none.
    Raise WrongError for one that does not run.
    """
    _facts.clear()
    chosen = stack or (STACK if local else None)
    if chosen is None and "CORE_DSN" not in os.environ and STACK.exists():
        chosen = STACK
        print(f"speaking to the local stack of {os.path.relpath(STACK)}", file=sys.stderr)
    if chosen is None:
        return
    try:
        _facts.update(json.loads(chosen.read_text()))
    except OSError:
        raise WrongError("no_local_stack", f"{chosen} is not there: start one with `make dev`",
                         USAGE) from None  # fmt: skip
    os.environ.update(_facts["settings"])


def owner_dsn(store: str) -> str:
    """Return the connection string of a database's owner: OWNER_DSN, or the local stack's."""
    dsn = os.environ.get("OWNER_DSN", "") or _facts.get(f"{store}_dsn", "")
    if not dsn:
        message = "set OWNER_DSN to the connection string of the database's owner"
        raise WrongError("setting_missing_owner_dsn", message, USAGE)
    return str(dsn)


def webhook_url() -> str:
    """Return where the webhook is received: WEBHOOK_URL, or the local stack's; "" if not known."""
    return os.environ.get("WEBHOOK_URL", "") or str(_facts.get("webhook_url", ""))
