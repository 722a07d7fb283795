"""
bulk_documents_per_second: documents inserted in Supabase by one statement, until core agrees, on
the whole local stack, with all that follows a stored document; and the same one by one.

"Agrees" is that core has every document; what is told and indexed of them goes on behind.
"""

from __future__ import annotations

import time
from typing import LiteralString

import httpx
import psycopg

from infra.local.stack import Stack
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
    """Insert a bulk, then some one after the other, each by its own statement."""
    stack = world.lived_in
    many, few = world.amount(50_000, 300), world.amount(200, 5)
    single = _per_second(stack, few, 1)
    bulk = _per_second(stack, many, many)
    return [
        Figure(
            "bulk_documents_per_second",
            {"bulk": round(bulk), "batches_of_1": round(single), "ratio": round(bulk / single, 1)},
            bulk >= 1000 and bulk >= 10 * single,
            f"{bulk:.0f} documents/s, {many} inserted by one statement",
            f"{single:.0f} documents/s, {few} inserted by a statement each",
        )
    ]


def _per_second(stack: Stack, count: int, size: int) -> float:
    """Insert documents `size` at a time; return how many a second reached core."""
    with (
        psycopg.connect(stack.core_dsn, autocommit=True) as core,
        psycopg.connect(stack.supabase_dsn, autocommit=True) as supabase,
    ):
        (uid,) = core.execute(PATIENT).fetchone() or ("",)
        wanted = _stored(core) + count
        began = time.perf_counter()
        for _ in range(0, count, size):
            supabase.execute(INSERT, {"uid": uid, "count": size})
        while (now := _stored(core)) < wanted:
            if time.perf_counter() - began > _PATIENCE_S:
                raise RuntimeError(f"{wanted - now} of {count} documents did not reach core")
            # The hint relays for 3 s; the schedule, which is off here, would do the rest.
            httpx.post(f"{stack.url('steps')}/relay_supabase_outbox", timeout=60)
            time.sleep(0.02)
        return count / (time.perf_counter() - began)


def _stored(core: psycopg.Connection[tuple[int]]) -> int:
    row = core.execute("select count(*) from documents").fetchone()
    return row[0] if row else 0
