"""
step_vs_null_function and concurrency_curve: deliveries a second through functions-framework.

The step is store_document with batches of one: it reads Supabase, writes core with its ledger, and
publishes. Beside it goes the least that writes core at all. For the curve 5 ms are added to every
round trip to either store, as between two zones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from itertools import cycle
from statistics import median
from urllib.parse import urlsplit

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from infra.local.stack import PROJECT
from shared import catalog
from shared.events import Ref
from tests.bench.content import put_documents, put_patients
from tests.bench.deliveries import push_body
from tests.bench.measure import in_turns
from tests.bench.proxy import proxied
from tests.bench.report import Figure
from tests.bench.serving import BARE, LEAST, MAIN, Call, Served, served
from tests.bench.world import NAMESPACE, Stores, World
from tests.databases import SERVICE_KEY

# Connections, threads and deliveries at once of an instance, as it is deployed.
POOL = int(catalog.load().functions["store_document"].limits["concurrency"])
_DELAY_S = 0.005
# The least that a delivery can write: one row, committed by itself.
_NOTE = """
insert into sync.journal (kind, key, step, source_version, state, revision)
values ('document', gen_random_uuid()::text, 'least', 1, 'done', 'bench')
"""
_LEVELS = (1, 2, 4, 8, 16, 32)


def run(world: World) -> list[Figure]:
    """Measure both."""
    with world.stores() as stores:
        put_patients(stores.core_sql, 100)
        ids = cycle(put_documents(stores.supabase_sql, 500, 3))

        def call() -> Call:
            return Call(push_body([Ref("document", next(ids))]))

        return [_null(world, stores, call), _curve(world, stores, call)]


def settings(world: World, stores: Stores, **others: str) -> dict[str, str]:
    """Return the environment of a function over these stores."""
    return {
        "CORE_DSN": stores.core_dsn, "SUPABASE_URL": stores.supabase_url,
        "SUPABASE_SERVICE_KEY": SERVICE_KEY, "ID_NAMESPACE": NAMESPACE,
        "GOOGLE_CLOUD_PROJECT": PROJECT, "PUBSUB_EMULATOR_HOST": world.bus,
        "SUPABASE_S3_KEY": "bench", "SUPABASE_S3_SECRET": "bench", **others,
    }  # fmt: skip


def _null(world: World, stores: Stores, call: Callable[[], Call]) -> Figure:
    times, env = world.amount(800, 10), settings(world, stores, THREADS="4")
    parked = {"CloudPubSubDeadLetterSourceSubscription": "store-user"}
    users = cycle(f"u{number}" for number in range(500))  # of one, each would wait for the other

    def park() -> Call:
        return Call(push_body([Ref("user", next(users))], parked))

    with ExitStack() as exits:
        null = exits.enter_context(served("bare", BARE, call(), env))
        step = exits.enter_context(served("store_document", MAIN, call(), env))
        core = exits.enter_context(served("park_dead_letter", MAIN, park(), env))
        noting = {**env, "LEAST_STATEMENT": _NOTE}
        least = exits.enter_context(served("one_statement", LEAST, call(), noting))
        taken = in_turns(
            world.amount(5, 1),
            {
                "null": lambda: null.post(call, times, at_once=4),
                "step": lambda: step.post(call, times, at_once=4),
                "core": lambda: core.post(park, times, at_once=4),
                "least": lambda: least.post(call, times, at_once=4),
            },
        )
    rate = {name: times / seconds.median for name, seconds in taken.items()}
    value = rate["step"] / rate["null"]
    return Figure(
        "step_vs_null_function",
        round(value, 3),
        value >= 0.5,
        f"{rate['step']:.0f} requests/s of store_document, batches of one, 4 at once",
        f"{rate['null']:.0f} requests/s of a function that does nothing",
        f"{rate['core']:.0f} requests/s of park_dead_letter, which touches core alone"
        f" ({rate['core'] / rate['null']:.2f}); {rate['least']:.0f} of a function that inserts one"
        f" row of core and does nothing else ({rate['least'] / rate['null']:.2f})",
    )


def _curve(world: World, stores: Stores, call: Callable[[], Call]) -> Figure:
    with ExitStack() as exits:
        server = conninfo_to_dict(stores.core_dsn)
        core = exits.enter_context(proxied("127.0.0.1", int(str(server["port"])), _DELAY_S))
        api = urlsplit(stores.supabase_url).port or 0
        supabase = exits.enter_context(proxied("127.0.0.1", api, _DELAY_S))
        env = settings(
            world, stores, THREADS=str(POOL), CORE_POOL_SIZE=str(POOL),
            CORE_DSN=make_conninfo(stores.core_dsn, port=core.port),
            SUPABASE_URL=f"http://127.0.0.1:{supabase.port}",
        )  # fmt: skip
        step = exits.enter_context(served("store_document", MAIN, call(), env))
        rates = _rates(world, step, call)
    linear = {level: rates[level] / (rates[1] * level) for level in _LEVELS}
    return Figure(
        "concurrency_curve",
        {
            "deliveries_per_second": {str(n): round(rates[n]) for n in _LEVELS},
            "of_linear": {str(n): round(linear[n], 2) for n in _LEVELS},
            "pool": POOL,
        },
        all(linear[level] >= 0.8 for level in _LEVELS if level <= POOL),
        ", ".join(f"{n}: {rates[n]:.0f}/s" for n in _LEVELS) + f" (pool and threads {POOL})",
        ", ".join(f"{n}: {linear[n]:.2f}" for n in _LEVELS) + " of linear from 1",
    )


def _rates(world: World, step: Served, call: Callable[[], Call]) -> Mapping[int, float]:
    taken: dict[int, list[float]] = {}
    for _ in range(world.amount(3, 1)):
        for level in _LEVELS:
            times = world.amount(40, 1) * level
            taken.setdefault(level, []).append(times / step.post(call, times, at_once=level))
    return {level: median(rates) for level, rates in taken.items()}
