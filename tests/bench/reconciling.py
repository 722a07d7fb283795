"""
reconcile_rows_per_second and reconcile_vs_copy: a million patients compared, beside a plain COPY of
the same columns out of both stores.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import LiteralString

from psycopg import Copy

from shared.clients import Clients
from shared.repair.reconciliations import reconciliation
from tests.bench.content import silently
from tests.bench.deliveries import Quiet
from tests.bench.measure import in_turns
from tests.bench.report import Figure
from tests.bench.world import Stores, World, peak_mb

_CORE: LiteralString = """
with person as (
  insert into users (id, role, firebase_uid, email, phone, verified)
  select md5(n::text), 'PATIENT', 'uid-' || n, n || '@example.com', '+9190' || (10000000 + n), true
  from generate_series(1, %(count)s) n returning id
) insert into patients (id, user_id, name) select 'p-' || id, id, 'Synthetic Patient' from person
"""
_SUPABASE: LiteralString = """
insert into auth.users (id, email, phone, raw_app_meta_data, raw_user_meta_data)
select md5(n::text)::uuid, n || '@example.com', '9190' || (10000000 + n), m.known,
       m.known || '{"name": "Synthetic Patient"}'
from generate_series(1, %(count)s) n
cross join lateral (select jsonb_build_object('firebase_uid', 'uid-' || n,
  'postgres_id', md5(n::text), 'role', 'PATIENT') as known) m
"""
_COPY_CORE: LiteralString = """
copy (select firebase_uid, u.id, role, email, phone, name from users u
  join patients p on p.user_id = u.id) to stdout
"""
_COPY_SUPABASE: LiteralString = """
copy (select id, email, phone, raw_app_meta_data, raw_user_meta_data from auth.users) to stdout
"""


def run(world: World) -> list[Figure]:
    """Compare core users with Supabase auth users, all in agreement."""
    count = world.amount(1_000_000, 2_000)
    with world.stores() as stores:
        silently(stores.core_sql, _CORE, count=count)
        silently(stores.supabase_sql, _SUPABASE, count=count)
        for connection in (stores.core_sql, stores.supabase_sql):
            connection.execute("vacuum analyze")
        clients = Quiet(stores)
        before = peak_mb()
        taken = in_turns(
            3,
            {"copy": lambda: _copy(stores), "ours": lambda: _compare(clients, count)},
            warm=world.amount(1, 0),
        )
        grown = peak_mb() - before
    value = taken["ours"].median / taken["copy"].median
    return [
        Figure(
            "reconcile_rows_per_second",
            round(count / taken["ours"].median),
            met=True,
            ours=f"{taken['ours']} s for {count} patients on both sides",
        ),
        Figure(
            "reconcile_vs_copy",
            round(value, 2),
            value <= 3 and grown <= 50,
            f"{taken['ours']} s; the process grew by {grown:.0f} MB",
            f"{taken['copy']} s: COPY of the same columns out of both stores at once",
        ),
    ]


def _compare(clients: Clients, count: int) -> None:
    report, found = reconciliation("auth_users", clients).run(dry_run=True)
    if found or report.source_rows != count or report.target_rows != count:
        raise RuntimeError(f"expected {count} rows in agreement: {report}")


def _copy(stores: Stores) -> None:
    """Copy out of both stores at the same time, as they are compared."""
    with ThreadPoolExecutor(1) as other:
        copied = other.submit(_drain, stores.supabase_sql.cursor().copy(_COPY_SUPABASE))
        _drain(stores.core_sql.cursor().copy(_COPY_CORE))
        copied.result()


def _drain(copying: AbstractContextManager[Copy]) -> None:
    with copying as copy:
        for _ in copy:
            pass
