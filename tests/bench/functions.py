"""
ready_vs_bare_function and rss_mb: every function of the catalog, in a process of its own.

From the start of the process to its first good answer, which has made every client, read every
store and published; beside a function that does nothing, on the same framework, and the least that
asks core, and the bus, for anything. Then the memory of
the process after a thousand such requests.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from random import randbytes, sample
from statistics import median
from typing import Any

import psycopg

from infra.local.stack import Stack
from shared import catalog
from shared.catalog import Function
from shared.events import Ref
from tests.bench.bulk import INSERT, PATIENT
from tests.bench.calls import Calls
from tests.bench.deliveries import push_body
from tests.bench.measure import spread
from tests.bench.report import Figure
from tests.bench.serving import BARE, LEAST, MAIN, Call, served
from tests.bench.world import World

# Functions whose only store is core. Their secrets do not tell: Firebase needs none.
POSTGRES_ONLY = {
    "erase_core", "order_erasure", "park_dead_letter", "purge_history",
    "receive_announcement", "relay_core_outbox",
}  # fmt: skip
_RARE = {"schedule", "blocking"}  # started a few times an hour, as people do, or refused here
_SIGNATURES = {"auth": "cloudevent", "firestore": "cloudevent"}
_FLOORS = {"bare": BARE, "one_statement": LEAST, "one_statement_and_call": LEAST}
_BIG = 100  # refs of a message in the long run


def run(world: World) -> list[Figure]:
    """Measure all functions, or in a quick run three."""
    env = world.lived_in.settings() | {"PUBSUB_EMULATOR_HOST": world.bus, "THREADS": "4"}
    calls = Calls(world.stack)
    functions = [
        f
        for f in catalog.load().functions.values()
        if not world.quick or f.name in {"announce_user", "store_document"}
    ]
    ready: dict[str, list[float]] = {}
    rss: dict[str, float] = {}
    for number in range(world.amount(6, 1)):
        for name in ["bare", *(f.name for f in functions), *_FLOORS]:
            times = world.amount(1000, 10) if number == 0 else 0
            seconds, memory = _one(name, calls, env, times)
            ready.setdefault(name, []).append(seconds)
            rss.setdefault(name, memory)
    growth = _growth(world.stack, env, world.amount(100_000, 400), world.amount(20_000, 200))
    return [_ready(ready), _memory(rss, growth)]


def _one(name: str, calls: Calls, env: Mapping[str, str], times: int) -> tuple[float, float]:
    """Return the seconds until a function was ready, and its memory after some requests."""
    source, call, signature = _FLOORS.get(name, MAIN), Call(), "http"
    function = catalog.load().functions.get(name)
    if function is not None:
        kind = function.trigger["kind"]
        signature = _SIGNATURES.get(kind, "http")
        call = calls.of(function)
        times = times // 50 if kind in _RARE or function.core_role == "operator" else times
    with served(name, source, call, _as_role(env, function), signature) as process:
        process.post(lambda: _from_anywhere(call), times, at_once=2)
        return process.ready_s, process.rss_mb()


def _from_anywhere(call: Call) -> Call:
    """Return a call as from another caller each time: public functions limit how often one asks."""
    address = ".".join(str(part) for part in (10, *randbytes(3)))
    return replace(call, headers={**call.headers, "X-Forwarded-For": address})


def _as_role(env: Mapping[str, str], function: Function | None) -> dict[str, str]:
    """Return the environment with the connection string of the function's own role in core."""
    role = function.core_role if function else "relay"
    own = {"CORE_DSN": env[f"CORE_DSN_{role.upper()}"]} if role else {}
    return {**env, **own, "LEAST_STATEMENT": "select 1"}


def _growth(stack: Stack, env: Mapping[str, str], events: int, settled: int) -> float:
    """
    Return by how many MB store_document grows from its first events to a hundred thousand. The
    events are of a thousand uploads in changing company, each stored as a whole every time.
    """
    uploads = _uploads(stack, 10 * _BIG)

    def batch() -> Call:
        return Call(push_body([Ref("document", key) for key in sample(uploads, _BIG)]))

    role = _as_role(env, catalog.load().functions["store_document"])
    with served("store_document", MAIN, batch(), role) as process:
        process.post(batch, settled // _BIG, at_once=2)
        before = process.rss_mb()
        process.post(batch, (events - settled) // _BIG, at_once=2)
        return process.rss_mb() - before


def _uploads(stack: Stack, count: int) -> list[str]:
    """Insert uploads; return their ids."""
    with (
        psycopg.connect(stack.core_dsn) as core,
        psycopg.connect(stack.supabase_dsn, autocommit=True) as supabase,
    ):
        (uid,) = core.execute(PATIENT).fetchone() or ("",)
        supabase.execute(INSERT, {"uid": uid, "count": count})
        newest = "select id::text from documents order by created_at desc limit %s"
        return [key for (key,) in supabase.execute(newest, [count])]


def _ready(ready: Mapping[str, list[float]]) -> Figure:
    bare = median(ready["bare"])
    ratio = {n: round(median(seconds) / bare, 2) for n, seconds in ready.items() if n != "bare"}
    least, called = ratio.pop("one_statement"), ratio.pop("one_statement_and_call")
    lean = POSTGRES_ONLY & ratio.keys()
    worst = max(ratio, key=lambda name: ratio[name])
    return Figure(
        "ready_vs_bare_function",
        {"worst": ratio[worst], "least": least, "least_with_bus": called, **ratio},
        ratio[worst] <= 2.0 and all(ratio[name] <= 1.5 for name in lean),
        f"worst {worst} {spread(ready[worst])} s",
        f"{spread(ready['bare'])} s: a bare function on functions-framework",
        f"core alone, at most 1.5: {', '.join(f'{n} {ratio[n]}' for n in sorted(lean))};"
        f" psycopg and one statement alone {least}, with one call of the bus {called}",
    )


def _memory(rss: Mapping[str, float], growth: float) -> Figure:
    bare = rss["bare"]
    more: dict[str, Any] = {n: round(mb - bare, 1) for n, mb in rss.items() if n not in _FLOORS}
    worst = max(more, key=lambda name: more[name])
    return Figure(
        "rss_mb",
        {"worst_over_bare": more[worst], "growth_to_100000_events": round(growth, 1), **more},
        more[worst] <= 60 and growth <= 3,
        f"worst {worst} +{more[worst]} MB over bare; {growth:+.1f} MB up to 100,000 events",
        f"{bare:.0f} MB: a bare function",
    )
