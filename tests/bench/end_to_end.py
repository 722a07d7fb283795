"""
end_to_end_vs_null_chain: from an account's event to its last store, beside a chain of as many hops
whose steps do nothing.

Accounts are imported into Auth, which fires no trigger; the event that Firebase would send is
handed to a function that is up. Then three hops over the same Pub/Sub emulator, which polls ten
times a second and so gives every hop some 50 ms of its own. Each event is sent at a moment of
chance: one that is sent when the last has come would always meet the poll at the same place.
"""

from __future__ import annotations

import random
import threading
import time
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import httpx
import psycopg

from infra.local.loopback import Request, Response
from infra.local.stack import PROJECT, Stack
from shared.events import Ref
from tests.bench.calls import account_created
from tests.bench.deliveries import push_body
from tests.bench.measure import spread
from tests.bench.report import Figure
from tests.bench.serving import MAIN, Call, Served, served
from tests.bench.world import World, fresh_id
from tests.contract.serving import served as served_handler

_NULL = MAIN.parent / "tests" / "bench" / "null_chain.py"
_PATIENCE_S = 30.0
_POLL_S = 0.1  # of the emulator


def run(world: World) -> list[Figure]:
    """Send accounts through both chains in turns."""
    stack = world.lived_in
    ours: list[float] = []
    null: list[float] = []
    with ExitStack() as exits:
        first = exits.enter_context(_first(stack, "announce_user", MAIN, ""))
        nothing = NullChain(exits, stack)
        core = exits.enter_context(psycopg.connect(stack.core_dsn, autocommit=True))
        for number in range(-1, world.amount(50, 2)):  # the first of each warms up
            uid = _import_account(stack)
            took = _ours(first, core, uid), nothing.take(uid)
            if number >= 0:
                ours.append(took[0])
                null.append(took[1])
    value = spread(ours).median / spread(null).median
    return [
        Figure(
            "end_to_end_vs_null_chain",
            round(value, 3),
            value <= 1.5,
            f"{spread(ours).times(1000)} ms from an account's event to its claim: core, Supabase,"
            " Firebase",
            f"{spread(null).times(1000)} ms: three hops whose steps do nothing",
        )
    ]


class NullChain:
    """A function that begins, two that pass on, and one that only answers."""

    def __init__(self, exits: ExitStack, stack: Stack) -> None:
        self._arrived = threading.Event()
        host = exits.enter_context(served_handler(self._arrive))
        bus = f"http://{stack.settings()['PUBSUB_EMULATOR_HOST']}/v1/projects/{PROJECT}"
        for topic in ("null-a", "null-b", "null-c"):
            httpx.put(f"{bus}/topics/{topic}", json={}).raise_for_status()
        self._begin = exits.enter_context(_first(stack, "begin", _NULL, "null-a"))
        env = stack.settings()
        for topic, following in (("null-a", "null-b"), ("null-b", "null-c")):
            call = Call(push_body([Ref("user", "warm")]))
            step = exits.enter_context(
                served("pass_on", _NULL, call, env | {"NEXT_TOPIC": following})
            )
            _subscribe(bus, topic, f"127.0.0.1:{step.port}")
        _subscribe(bus, "null-c", host)

    def take(self, uid: str) -> float:
        """Return the seconds that an event takes through the chain."""
        self._arrived.clear()
        time.sleep(random.random() * _POLL_S)
        began = time.perf_counter()
        self._begin.post(lambda: account_created(uid), 1)
        if not self._arrived.wait(_PATIENCE_S):
            raise RuntimeError("the null chain lost an event")
        return time.perf_counter() - began

    def _arrive(self, request: Request) -> Response:
        del request
        self._arrived.set()
        return Response(204)


def _first(
    stack: Stack, target: str, source: Path, following: str
) -> AbstractContextManager[Served]:
    env = stack.settings() | {"NEXT_TOPIC": following}
    # The account is unknown: what it starts ends at the first step.
    return served(target, source, account_created(fresh_id()), env, "cloudevent")


def _import_account(stack: Stack) -> str:
    uid = fresh_id()
    account = {"localId": uid, "email": f"{uid}@example.com", "emailVerified": True}
    url = f"http://{stack.firebase.host('auth')}/identitytoolkit.googleapis.com/v1/projects"
    httpx.post(
        f"{url}/{PROJECT}/accounts:batchCreate",
        json={"users": [account]},
        headers={"Authorization": "Bearer owner"},
    ).raise_for_status()
    return uid


def _ours(first: Served, core: psycopg.Connection[tuple[int]], uid: str) -> float:
    time.sleep(random.random() * _POLL_S)
    began = time.perf_counter()
    first.post(lambda: account_created(uid), 1)
    while not core.execute(
        "select 1 from sync.ledger where kind = 'user' and key = %s and step = 'admit_user'"
        " and state = 'done'", [uid]
    ).fetchone():  # fmt: skip
        if time.perf_counter() - began > _PATIENCE_S:
            raise RuntimeError("the chain did not admit an account")
        time.sleep(0.003)
    return time.perf_counter() - began


def _subscribe(bus: str, topic: str, host: str) -> None:
    settings = {
        "topic": f"projects/{PROJECT}/topics/{topic}",
        "ackDeadlineSeconds": 60,
        "pushConfig": {"pushEndpoint": f"http://{host}/"},
    }
    httpx.put(f"{bus}/subscriptions/{topic}", json=settings).raise_for_status()
