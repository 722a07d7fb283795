"""
bulk_documents_per_second: documents inserted in Supabase by one statement, until core agrees, on
the whole local stack, with all that follows a stored document; and the same in batches of one.

"Agrees" is that core has every document; what is told and indexed of them goes on behind. A batch
of one is a message of one: documents inserted by a statement each would still travel together, six
to a message where they come faster than they are stored, because a relay takes all that it finds.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from statistics import median
from typing import LiteralString
from uuid import uuid4

import httpx
import psycopg

from infra.local.stack import Stack
from shared import catalog
from shared.publisher import Publisher
from shared.relay import LEASE_S, announcements
from shared.stores.supabase import Supabase
from shared.stores.supabase_outbox import SupabaseOutbox
from tests.bench.measure import spread
from tests.bench.report import Figure
from tests.bench.world import World

_PATIENCE_S = 150.0
INSERT: LiteralString = """
insert into documents (id, patient_id, type, file_url, text, structured_json, ocr_confidence)
select gen_random_uuid(), %(uid)s, 'lab_report', 'documents/bench.jpg', null,
       jsonb_build_object('medications', jsonb_build_array(jsonb_build_object('name',
         'Paracetamol', 'strength', (n %% 9 + 1) * 100 || ' mg', 'frequency', '1-0-1',
         'duration_days', 5, 'confidence', 0.9))), 0.9
from generate_series(1, %(count)s) n
"""
PATIENT = """
select firebase_uid from users where firebase_uid is not null and role = 'PATIENT' limit 1
"""


def run(world: World) -> list[Figure]:
    """Insert documents that travel alone and a bulk, in turns."""
    stack = world.lived_in
    many, few = world.amount(50_000, 300), world.amount(300, 5)
    # The hint relays for 3 s; the schedule, which is off here, would do the rest.
    url = f"{stack.url('steps')}/relay_supabase_outbox"
    singles: list[float] = []
    bulks: list[float] = []
    for _ in range(world.amount(2, 1)):
        with relaying_singly(stack) as relay:
            singles.append(_per_second(stack, few, relay))
        bulks.append(_per_second(stack, many, lambda: httpx.post(url, timeout=60)))
    single, bulk = median(singles), median(bulks)
    return [
        Figure(
            "bulk_documents_per_second",
            {"bulk": round(bulk), "batches_of_1": round(single), "ratio": round(bulk / single, 1)},
            bulk >= 1000 and bulk >= 10 * single,
            f"{spread(bulks)} documents/s, {many} inserted by one statement",
            f"{spread(singles)} documents/s, {few} inserted alike, each in a message of its own",
        )
    ]


@contextmanager
def relaying_singly(stack: Stack) -> Generator[Callable[[], object]]:
    """Lend a relay that announces each document in a message of its own; the hints are lost."""
    facts, settings = stack.describe(), stack.settings()
    os.environ["PUBSUB_EMULATOR_HOST"] = settings["PUBSUB_EMULATOR_HOST"]
    outbox = SupabaseOutbox(Supabase(facts["supabase_url"], facts["supabase_service_key"]))
    topics, publisher = catalog.load().announced_by("supabase"), Publisher()

    def relay() -> None:
        token = str(uuid4())
        claimed = outbox.claim(token, 1000, LEASE_S)
        publisher.publish([event for ref in claimed for event in announcements([ref], topics)])
        outbox.settle(token, claimed)

    with psycopg.connect(stack.supabase_dsn, autocommit=True) as supabase:
        supabase.execute("insert into net.standin_faults (drop_rate) values (1)")
        yield relay
        supabase.execute("delete from net.standin_faults")
    publisher.close()


def _per_second(stack: Stack, count: int, relay: Callable[[], object]) -> float:
    """Insert documents by one statement; return how many a second reached core."""
    with (
        psycopg.connect(stack.core_dsn, autocommit=True) as core,
        psycopg.connect(stack.supabase_dsn, autocommit=True) as supabase,
    ):
        (uid,) = core.execute(PATIENT).fetchone() or ("",)
        wanted = _stored(core) + count
        began = time.perf_counter()
        supabase.execute(INSERT, {"uid": uid, "count": count})
        while (now := _stored(core)) < wanted:
            if time.perf_counter() - began > _PATIENCE_S:
                raise RuntimeError(f"{wanted - now} of {count} documents did not reach core")
            relay()
            time.sleep(0.02)
        return count / (time.perf_counter() - began)


def _stored(core: psycopg.Connection[tuple[int]]) -> int:
    row = core.execute("select count(*) from documents").fetchone()
    return row[0] if row else 0
