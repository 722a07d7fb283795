"""How functions are called: their entry points, their requests, and whose stores they see."""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from io import BytesIO
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from flask import Request

from shared import catalog, clients
from shared.access import webhook
from shared.people.conflicts import DECISIONS
from tests.memory.bus import Delivery
from tests.simulation.moves import Fault
from tests.simulation.race import Pause

if TYPE_CHECKING:
    from tests.memory.clients import MemoryClients

# Topics that are not announced from core, and what their word is about.
_UNTRACKED = {
    "user-changed": "user",
    "profile-changed": "profile",
    "doctor-changed": "doctor",
    "document-changed": "document",
    "user-deleted": "deletion",
}
WEBHOOK_SECRET = "secret of the simulation"


@dataclass
class Attempt:
    """A call under way: its faults, how many effects it has had, and how to let others go on."""

    name: str
    faults: tuple[Fault, ...]
    pause: Pause | None
    line: int  # of the narration
    began: float
    effects: int = 0


@functools.cache
def relays() -> list[str]:
    """Return the names of the outbox relays."""
    return [name for name in catalog.load().functions if name.startswith("relay_")]


@functools.cache
def _entry_of(module: str, name: str) -> Callable[[Any], Any]:
    return getattr(import_module(module), name)


def entry(function: str) -> Callable[[Any], Any]:
    """Return a function's entry point."""
    return _entry_of(catalog.load().functions[function].module, function)


@contextmanager
def deployed(to: MemoryClients) -> Generator[None]:
    """Make these stores those that entry points get."""
    before, clients._current = clients._current, to
    try:
        yield
    finally:
        clients._current = before


def described(delivery: Delivery) -> str:
    keys = ", ".join(f"{ref['key']} at {ref['version']}" for ref in _refs(delivery))
    return f"{delivery.function} [{keys}] attempt {delivery.attempt}"


def untold(delivery: Delivery) -> set[tuple[str, str]]:
    """Return whose word is lost with a message of which core keeps no track."""
    word = _UNTRACKED.get(catalog.load().functions[delivery.function].topic or "")
    return {(word, ref["key"]) for ref in _refs(delivery)} if word else set()


def first_ref(delivery: Delivery) -> tuple[str, str] | None:
    return next(iter(refs_of(delivery)), None)


def refs_of(delivery: Delivery) -> list[tuple[str, str]]:
    """Return kind and key of what a message is about; none of one that nobody can read."""
    return [(ref["kind"], ref["key"]) for ref in _refs(delivery)]


def _refs(delivery: Delivery) -> list[dict[str, Any]]:
    try:
        refs = json.loads(delivery.data)["refs"]
    except (ValueError, KeyError):  # a garbled message
        return []
    return [ref for ref in refs if "version" in ref]


def decision(conflicts: Sequence[Mapping[str, Any]], pick: int) -> dict[str, Any] | None:
    """Return what an operator posts about a conflict: one that is open, or has been decided."""
    known = [c for c in conflicts if c["resolution"] in {None, *DECISIONS}]
    if not known:
        return None
    chosen = known[pick % len(known)]
    made = chosen["resolution"] or DECISIONS[(pick // 7 + chosen["id"]) % len(DECISIONS)]
    return {"conflict": chosen["id"], "decision": made, "operator": "operator-1"}


def push_request(body: bytes) -> Any:
    """Return as much of a request as the entry point of a step looks at: there are very many."""
    headers = {"Content-Type": "application/json"}
    return SimpleNamespace(get_data=lambda: body, headers=headers, host="simulation")


def signed_request(body: bytes) -> Request:
    stamp = int(time.time())
    return Request(
        {
            "REQUEST_METHOD": "POST",
            "PATH_INFO": "/",
            "SERVER_NAME": "simulation",
            "SERVER_PORT": "80",
            "wsgi.url_scheme": "http",
            "wsgi.input": BytesIO(body),
            "CONTENT_TYPE": "application/json",
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_X_HEALBRIDGE_TIMESTAMP": str(stamp),
            "HTTP_X_HEALBRIDGE_SIGNATURE": webhook.sign(WEBHOOK_SECRET, stamp, body),
        }
    )
