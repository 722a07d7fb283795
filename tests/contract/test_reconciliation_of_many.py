"""
100 differences among 100,000 patients, in a real core and a real Supabase.

What is counted as read are the rows that a store hands out when it is asked for those of the
differing buckets: what crosses the network and is compared row by row. Each store also scans its
table as a whole, to digest it and once more to find the rows of those buckets; of these scans
nothing leaves the database but sums and the rows that are counted here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, LiteralString

import pytest
from psycopg.sql import SQL, Identifier

from shared import ids, settings
from shared.repair.digests import Digests, Table
from shared.repair.reconciliations import reconciliation
from shared.stores.core import CoreDatabase
from shared.stores.core_findings import Finding, Report
from shared.stores.supabase import Supabase
from tests.contract.real_stores import RealStores, Sql

MANY = 100_000
MISSING, STALE, EDITED = (
    [f"u{number}" for number in range(first, MANY, MANY // count)]
    for first, count in ((7, 40), (8, 40), (9, 20))
)
DAMAGED = {*MISSING, *STALE, *EDITED}
_MIRRORS: LiteralString = """
insert into auth.users (id, aud, role, email, email_confirmed_at, raw_app_meta_data,
  raw_user_meta_data)
select mirror.id, 'authenticated', 'authenticated', mirror.n || '@example.com', now(), known, known
from unnest(%(ids)s::uuid[]) with ordinality mirror(id, n)
cross join lateral jsonb_build_object('firebase_uid', 'u' || mirror.n,
  'postgres_id', 'id-' || mirror.n, 'role', 'PATIENT') known
"""
_LOSE: LiteralString = """
delete from auth.users where raw_app_meta_data ->> 'firebase_uid' = any(%(uids)s)
"""
_SPOIL: LiteralString = """
update auth.users set email = 'old-' || email
where raw_app_meta_data ->> 'firebase_uid' = any(%(uids)s)
"""
_EDIT: LiteralString = """
update users set phone = '+9198' || substr(id, 4)::integer + 10000000
where firebase_uid = any(%(uids)s)
"""
_TABLES: LiteralString = """
select schemaname as schema, tablename as name from pg_tables
where schemaname in ('public', 'sync', 'auth') and tablename not in ('reconcile_runs', 'findings')
"""
# Place and writer of each row with its content: to write the same again shows as well.
_CONTENT: LiteralString = """
select count(*) as rows,
       bit_xor(hashtextextended(concat_ws('|', t.ctid, t.xmin, t::text), 0)) as sum
from {} t
"""


class Counted:
    """A store's digests, and how many rows it has handed out."""

    def __init__(self, store: Digests) -> None:
        self._store, self.handed_out = store, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def rows(self, projection: str, block: int, blocks: int, wanted: Sequence[int]) -> Any:
        page = self._store.rows(projection, block, blocks, wanted)
        self.handed_out += len(page["rows"])
        return page


@pytest.fixture(name="to")
def _to(core: CoreDatabase, sql: Sql, supabase: Supabase, supabase_sql: Sql) -> RealStores:
    """Stores with MANY patients and their mirrors, in agreement and announced long ago."""
    to = RealStores(core, sql, supabase, supabase_sql)
    to.put_patients(1, MANY)
    to.run_outbox_as_sent()
    namespace = settings.id_namespace()
    mirrors = [ids.user_id(namespace, f"u{number}") for number in range(1, MANY + 1)]
    to.at_supabase(_MIRRORS, ids=mirrors)
    for database in (sql, supabase_sql):
        database.execute("analyze")
    return to


def compare(to: RealStores) -> tuple[Report, list[Finding], int]:
    """Compare the patients with their mirrors; return also how many rows were handed out."""
    run = reconciliation("auth_users", to, grace_s=0)
    counted: list[Any] = []
    for side in (run.source, run.target):
        assert isinstance(side, Table)
        counted.append(Counted(side.store))
        side.store = counted[-1]
    report, found = run.run()
    return report, found, sum(store.handed_out for store in counted)


def content(sql: Sql) -> dict[str, Any]:
    """Return a sum of every table's rows, but those in which a comparison notes itself."""
    return {
        f"{table['schema']}.{table['name']}": sql.execute(
            SQL(_CONTENT).format(Identifier(table["schema"], table["name"]))
        ).fetchone()
        for table in sql.execute(_TABLES).fetchall()
    }


def test_100_differences_among_100000_are_found_reading_2_percent_and_exactly_those_repaired(
    to: RealStores,
) -> None:
    to.at_supabase(_LOSE, uids=MISSING)
    to.at_supabase(_SPOIL, uids=STALE)
    to.at_core(_EDIT, uids=EDITED)
    for uid in DAMAGED:
        to.sign_up(uid)

    report, found, handed_out = compare(to)
    assert len(DAMAGED) == 100
    assert (report.source_rows, report.target_rows) == (MANY, MANY - len(MISSING))
    assert {(f.key, f.class_) for f in found} == {
        *((uid, "missing") for uid in MISSING),
        *((uid, "stale") for uid in STALE + EDITED),
    }
    assert len(DAMAGED) < handed_out == report.rows_read <= (2 * MANY) * 2 // 100
    unsent = to.at_core("select kind, key from sync.outbox where sent_at is null")
    assert {(row["kind"], row["key"]) for row in unsent} == {("user", uid) for uid in DAMAGED}

    to.run()
    mirrored = to.at_core("select key from sync.journal where step = 'mirror_user'")
    assert sorted(row["key"] for row in mirrored) == sorted(DAMAGED)
    before = content(to.core_sql), content(to.supabase_sql), len(to.bus.published)
    report, found, handed_out = compare(to)
    assert (report.source_rows, report.target_rows) == (MANY, MANY)
    assert (found, report.repaired, report.differing_buckets, handed_out) == ([], 0, 0, 0)
    assert (content(to.core_sql), content(to.supabase_sql), len(to.bus.published)) == before
