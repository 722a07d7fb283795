"""
What can be asked of the sync over HTTP, and by whom.

Operators (the private function sync_status) ask anything and replay. A signed-in person (the public
function patient_status) asks about one patient: the patient themself, or a doctor with whom the
patient has an appointment. Nobody else learns so much as whether a patient exists.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from shared import catalog
from shared.access import signed_in
from shared.errors import RequestError
from shared.repair.retrying import retry
from shared.status import lineage
from shared.status.patient_status import PatientStatus, patient_status
from shared.status.routes import KEY, Parameter, Route
from shared.status.standing import Status, Stuck
from shared.status.status import STATES, overall, stuck
from shared.status.visibility import VISIBLE_AT, Visibility, visibility
from shared.stores.core_lineage import CoreLineage

if TYPE_CHECKING:
    from flask import Request

    from shared.clients import Clients

_LONGEST_WAIT_S = 20
_LOOK_EVERY_S = 0.5
_waiters = threading.BoundedSemaphore(2)  # who waits holds a thread: the others are told to return


@dataclass(frozen=True, slots=True)
class Edge:
    """A hop of the chain map: who announces or forwards, by which topic, to which step."""

    origin: str
    topic: str
    step: str


@dataclass(frozen=True, slots=True)
class MapFunction:
    """A function of the chain map; `trigger` is the kind of its trigger in the catalog."""

    name: str
    chain: str
    trigger: str
    topic: str | None
    emits: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ChainMap:
    """The catalog as a picture needs it."""

    chains: dict[str, str]
    functions: tuple[MapFunction, ...]
    edges: tuple[Edge, ...]


@dataclass(frozen=True, slots=True)
class StuckItems:
    """Entities that are not done, those untouched for longest first."""

    items: tuple[Stuck, ...]


@dataclass(frozen=True, slots=True)
class Replayed:
    """How many parked entities were delivered once more, and how many that fit are still parked."""

    retried: int
    failed: int


def chain_map() -> ChainMap:
    """Return the catalog's functions and hops, in its order."""
    known = catalog.load()
    functions = tuple(
        MapFunction(f.name, f.chain, f.trigger["kind"], f.topic, f.emits)
        for f in known.functions.values()
    )
    edges = tuple(
        Edge(f.name, topic, step.name)
        for f in known.functions.values()
        if f.name != "retry_failed"  # it emits to every step: no hop of its own
        for topic in f.emits
        for step in known.consumers(topic)
    )
    return ChainMap(dict(known.chains), functions, edges)


def _status(to: Clients, _: Mapping[str, Any], __: Request) -> Status:
    return overall(to)


def _stuck(to: Clients, given: Mapping[str, Any], _: Request) -> StuckItems:
    wanted = {name: given.get(name) for name in ("step", "kind", "key", "code")}
    states = [given["state"]] if "state" in given else STATES
    return StuckItems(tuple(stuck(to, states, **wanted, limit=given.get("limit", 100))))


def _patient(to: Clients, given: Mapping[str, Any], _: Request) -> PatientStatus | None:
    return patient_status(to, given["id"])


def _lineage(to: Clients, given: Mapping[str, Any], _: Request) -> lineage.Lineage | None:
    return lineage.lineage(to, given["what"], given["id"])


def _trace(to: Clients, given: Mapping[str, Any], _: Request) -> lineage.Trace | None:
    found = lineage.trace(to, given["trace_id"])
    return found if found.entries else None


def _map(_: Clients, __: Mapping[str, Any], ___: Request) -> ChainMap:
    return chain_map()


def _replay(to: Clients, given: Mapping[str, Any], _: Request) -> Replayed:
    return Replayed(**retry(dict(given), to))


def _visible(to: Clients, given: Mapping[str, Any], _: Request) -> Visibility:
    return _awaited(to, given, lambda _found: True)


def _caller(request: Request, _: bytes) -> dict[str, str]:
    return {"caller": signed_in.uid_of(request.headers.get("Authorization", ""))}


def _own_visible(to: Clients, given: Mapping[str, Any], _: Request) -> Visibility | None:
    uid = given["caller"]
    seen = dict[str, bool]()

    def mine(found: Visibility) -> bool:
        owner = found.owner or ""
        if owner and owner not in seen:
            seen[owner] = owner == uid or CoreLineage(to.core).meets(uid, owner)
        return seen.get(owner, False)

    found = _awaited(to, given, mine)
    return found if mine(found) else None


def _own_patient(to: Clients, given: Mapping[str, Any], _: Request) -> PatientStatus | None:
    uid = given["caller"]
    if given["id"] != uid and not CoreLineage(to.core).meets(uid, given["id"]):
        raise RequestError(403, "patient", "this account may not ask about this patient")
    return patient_status(to, given["id"])


def _awaited(
    to: Clients, given: Mapping[str, Any], allowed: Callable[[Visibility], bool]
) -> Visibility:
    """Look, and look again while it is under way, for as long as the caller wants to wait."""
    deadline = time.monotonic() + given.get("wait_s", 0)

    def look() -> Visibility:
        return visibility(to, given["kind"], given["id"], given.get("version"))

    found = look()
    if not given.get("wait_s") or not allowed(found) or not _waiters.acquire(blocking=False):
        return found
    try:
        while found.state == "under_way" and time.monotonic() < deadline:
            time.sleep(_LOOK_EVERY_S)
            found = look()
    finally:
        _waiters.release()
    return found


def _text(pattern: str, most: int = 128) -> dict[str, Any]:
    return {"type": "string", "pattern": f"^{pattern}$", "minLength": 1, "maxLength": most}


_ID = Parameter("id", _text(KEY), "the entity's id at its source", "path", required=True)
_UID = Parameter("id", _text(KEY), "the patient's Firebase uid", "path", required=True)
_KIND = Parameter("kind", {"type": "string", "enum": sorted(VISIBLE_AT)}, "a kind", "path")
_VERSION = Parameter(
    "version",
    {"type": "integer", "minimum": 1, "maximum": 2**53},
    "the source's version that is to be visible; without it, the current one",
)
_WAIT = Parameter(
    "wait_s",
    {"type": "integer", "minimum": 0, "maximum": _LONGEST_WAIT_S},
    "how long to wait for it, in seconds; the answer may come sooner, or at once when busy",
)
_NAME = _text("[a-z][a-z0-9_]{0,63}", 64)


def _filters(where: str) -> tuple[Parameter, ...]:
    return (
        Parameter("step", _NAME, "only of this step", where),
        Parameter("kind", _NAME, "only this kind of entity", where),
        Parameter("code", _NAME, "only with this reason", where),
    )


_ANY_PATIENT = Parameter(
    "id", _text(KEY), "Firebase uid, core user id or core patient id", "path", required=True
)
_KEY = Parameter("key", _text(KEY), "only this entity")
_LIMIT = Parameter("limit", {"type": "integer", "minimum": 1, "maximum": 500}, "at most so many")
_STATE = Parameter("state", {"type": "string", "enum": list(STATES)}, "only in this state")
_THINGS = {"type": "string", "enum": [*lineage.ENTITIES, *lineage.DERIVED]}
_TRACE_ID = _text("[0-9a-f]{32}", 32)

OPERATOR_ROUTES: tuple[Route, ...] = (
    Route("GET", "/api/sync/status", "How the whole stands, and why", _status, Status),
    Route("GET", "/api/sync/stuck", "What is not done, why, and what to do", _stuck, StuckItems,
          (_STATE, *_filters("query"), _KEY, _LIMIT)),
    Route("GET", "/api/sync/patient/{id}", "One patient's standing in the three stores", _patient,
          PatientStatus, (_ANY_PATIENT,), unknown="no store knows this patient"),
    Route("GET", "/api/sync/lineage/{what}/{id}", "Where a thing came from and what became of it",
          _lineage, lineage.Lineage,
          (Parameter("what", _THINGS, "an entity or what is made of one", "path"), _ID),
          unknown="nothing is known of it"),
    Route("GET", "/api/sync/trace/{trace_id}", "All that happened under a trace", _trace,
          lineage.Trace, (Parameter("trace_id", _TRACE_ID, "32 hex digits", "path"),),
          unknown="nothing is on record under this trace"),
    Route("GET", "/api/sync/visible/{kind}/{id}", "Whether a change is visible yet, and as of when",
          _visible, Visibility, (_KIND, _ID, _VERSION, _WAIT)),
    Route("GET", "/api/sync/map", "The chain map", _map, ChainMap),
    Route("POST", "/api/sync/replay", "Deliver parked entities once more", _replay, Replayed,
          _filters("body")),
)  # fmt: skip

PATIENT_ROUTES: tuple[Route, ...] = (
    Route("GET", "/api/sync/patient/{id}", "A patient's standing in the three stores",
          _own_patient, PatientStatus, (_UID,), unknown="no store knows this patient",
          admit=_caller),
    Route("GET", "/api/sync/visible/{kind}/{id}", "Whether a change is visible yet, and as of when",
          _own_visible, Visibility, (_KIND, _ID, _VERSION, _WAIT),
          unknown="there is no such thing for this account", admit=_caller),
)  # fmt: skip
