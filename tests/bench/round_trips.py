"""
round_trips: how often a step turns to a store for one batch, counted on the wire.

A proxy in front of each database's door counts. Firebase, the bus and the embeddings provider are
in memory, so a chain can be played whole; their calls are counted by the simulation's hook.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from typing import Any
from urllib.parse import urlsplit

from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import dict_row

from shared import catalog
from shared.events import Ref
from shared.stores.core import CoreDatabase
from shared.stores.supabase import Supabase
from tests.bench.content import put_documents, put_patients
from tests.bench.deliveries import deliverer
from tests.bench.proxy import Proxy, proxied
from tests.bench.report import Figure
from tests.bench.world import Stores, World
from tests.contract.real_stores import RealStores, Sql
from tests.databases import SERVICE_KEY

# Pieces that follow each other at once are one round trip; without a delay the first answer could
# come between two of them.
_DELAY_S = 0.003


class Counted:
    """Real stores behind counting proxies."""

    def __init__(self, stores: Stores, core: Proxy, supabase: Proxy) -> None:
        self.core, self.supabase = core, supabase
        dsn = make_conninfo(stores.core_dsn, port=core.port)
        self._database = CoreDatabase(dsn)
        api = Supabase(f"http://127.0.0.1:{supabase.port}", SERVICE_KEY)
        core_sql = Sql.connect(stores.core_dsn, autocommit=True, row_factory=dict_row)
        supabase_sql = Sql.connect(stores.supabase_dsn, autocommit=True, row_factory=dict_row)
        self.clients = RealStores(self._database, core_sql, api, supabase_sql)
        self._connections = (core_sql, supabase_sql)

    def close(self) -> None:
        """Close all connections."""
        self._database.close()
        for connection in self._connections:
            connection.close()

    def count(self, step: str, refs: list[Ref]) -> tuple[int, int]:
        """Deliver refs to a warm step; return the round trips to core and to Supabase."""
        deliver = deliverer(step, self.clients)
        deliver(refs)  # connections are made, logins are over
        before = (self.core.round_trips, self.supabase.round_trips)
        deliver(refs)
        return self.core.round_trips - before[0], self.supabase.round_trips - before[1]


@contextmanager
def counted(stores: Stores) -> Generator[Counted]:
    """Lend real stores behind counting proxies."""
    with ExitStack() as exits:
        server = conninfo_to_dict(stores.core_dsn)
        core = exits.enter_context(proxied("127.0.0.1", int(str(server["port"])), _DELAY_S))
        port = urlsplit(stores.supabase_url).port or 0
        supabase = exits.enter_context(proxied("127.0.0.1", port, _DELAY_S))
        made = Counted(stores, core, supabase)
        try:
            yield made
        finally:
            made.close()


def run(world: World) -> list[Figure]:
    """Count for batches of 1 and of 100."""
    size = world.amount(100, 5)
    value: dict[str, Any] = {}
    with world.stores() as stores, counted(stores) as there:
        for step, keys in _prepared(stores, there, size).items():
            kind = catalog.load().topics[catalog.load().functions[step].topic or ""]["kind"]
            refs = [Ref(kind, key) for key in keys]
            one, many = there.count(step, refs[:1]), there.count(step, refs)
            value[step] = {
                "core_1": one[0], "supabase_1": one[1],
                "core_100": many[0], "supabase_100": many[1],
            }  # fmt: skip
    grown = [step for step, n in value.items() if n["core_100"] + n["supabase_100"]
             > n["core_1"] + n["supabase_1"]]  # fmt: skip
    over = [step for step, n in value.items() if n["core_1"] > 2 or n["supabase_1"] > 2]
    shown = "; ".join(
        f"{step} {n['core_1']}+{n['supabase_1']} -> {n['core_100']}+{n['supabase_100']}"
        for step, n in value.items()
    )
    return [
        Figure(
            "round_trips",
            value,
            not grown and not over,
            f"core + Supabase, batch of 1 -> batch of {size}: {shown}",
            note=f"more for a larger batch: {grown or 'none'}; over 2 of a store: {over or 'none'}",
        )
    ]


def _prepared(stores: Stores, there: Counted, size: int) -> dict[str, list[str]]:
    """Bring every chain to rest once; return the entities of each step."""
    to = there.clients
    users = [f"u{n + 1}" for n in range(size)]
    put_patients(stores.core_sql, size)
    for uid in users:
        to.sign_up(uid, email=f"{uid[1:]}@example.com")
    papers = [f"paper-{n}" for n in range(size)]
    for uid, key in zip(users, papers, strict=True):
        to.prescribe(key, uid, medications=[])
    uploads = put_documents(stores.supabase_sql, size, 3, patients=size)
    to.run()
    kinds = {"user": users, "document": uploads, "prescription": papers,
             "appointment": [f"visit-{key}" for key in papers]}  # fmt: skip
    topics = catalog.load().topics
    return {
        f.name: kinds[topics[f.topic or ""]["kind"]]
        for f in catalog.load().steps()
        if topics[f.topic or ""]["kind"] in kinds and f.chain != "profiles"
    }
