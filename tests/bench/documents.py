"""documents_vs_best_sql and documents_vs_row_by_row: storing uploads with their medications."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from psycopg.types.json import Jsonb

from shared.events import Ref
from tests.bench.content import put_documents, put_patients
from tests.bench.deliveries import Quiet, deliverer
from tests.bench.measure import Spread, in_turns
from tests.bench.report import Figure
from tests.bench.rivals import BestSql, RowByRow, Rows, rows_of
from tests.bench.world import Stores, World

MEDICATIONS = 20
Prepared = Iterator[tuple[list[str], Rows]]


def run(world: World) -> list[Figure]:
    """Measure both."""
    with world.stores() as stores:
        put_patients(stores.core_sql, 100)
        return [_best_sql(world, stores), _row_by_row(world, stores)]


def _best_sql(world: World, stores: Stores) -> Figure:
    rounds, size = world.amount(9, 1), world.amount(100, 5)
    best = BestSql(stores)
    ours = deliverer("store_document", Quiet(stores))
    # As text: the floor's rows are serialised beforehand as well.
    texts = ((ids, *map(_json, rows)) for ids, rows in _prepared(stores, 1 + rounds, size))
    plain = (ids for ids, _ in _prepared(stores, 1 + rounds, size))
    taken = in_turns(
        rounds,
        {
            "ours": lambda: ours(_refs(next(plain))),
            "best": lambda: best.store(*next(texts)),
        },
    )
    best.close()
    value = taken["best"].median / taken["ours"].median
    return Figure(
        "documents_vs_best_sql",
        round(value, 3),
        value >= 0.7,
        f"{taken['ours'].times(1000)} ms for {size} documents of {MEDICATIONS} medications",
        f"{taken['best'].times(1000)} ms: one GET and the best single statement, rows ready made",
    )


def _row_by_row(world: World, stores: Stores) -> Figure:
    rounds, size, single = world.amount(5, 1), world.amount(100, 5), world.amount(20, 2)
    rival = RowByRow(stores)
    ours = deliverer("store_document", Quiet(stores))
    rows = (rows for _, rows in _prepared(stores, 1 + rounds, single))
    batches = (ids for ids, _ in _prepared(stores, 1 + rounds, size))
    singles = (ids for ids, _ in _prepared(stores, 1 + rounds, single))
    taken = in_turns(
        rounds,
        {
            "rival": lambda: rival.store(next(rows)),
            "singly": lambda: [ours([ref]) for ref in _refs(next(singles))],
            "batch": lambda: ours(_refs(next(batches))),
        },
    )
    rival.close()
    each = {"rival": single, "singly": single, "batch": size}
    per = {name: each[name] / taken[name].median for name in each}
    value = {
        "batch_of_1": round(per["singly"] / per["rival"], 2),
        "batch_of_100": round(per["batch"] / per["rival"], 2),
    }
    return Figure(
        "documents_vs_row_by_row",
        dict(value),
        value["batch_of_1"] >= 4 and value["batch_of_100"] >= 15,
        f"{per['singly']:.0f} documents/s in batches of 1, {per['batch']:.0f} in batches of {size}",
        f"{per['rival']:.0f} documents/s row by row {_ms(taken['rival'], single)}",
    )


def _prepared(stores: Stores, rounds: int, size: int) -> Prepared:
    """Yield fresh documents, inserted beforehand, with the rows they become."""
    made = [put_documents(stores.supabase_sql, size, MEDICATIONS) for _ in range(rounds)]
    ready = [(ids, rows_of(stores, ids)) for ids in made]
    stores.core_sql.execute("analyze")
    return iter(ready)


def _refs(ids: list[str]) -> list[Ref]:
    return [Ref("document", key) for key in ids]


def _json(rows: list[dict[str, object]]) -> Jsonb:
    return Jsonb(rows, dumps=_dumped(rows))


def _dumped(rows: list[dict[str, object]]) -> Callable[[object], str]:
    import json

    text = json.dumps(rows)
    return lambda _: text


def _ms(taken: Spread, count: int) -> str:
    return f"({taken.times(1000 / count)} ms each)"
