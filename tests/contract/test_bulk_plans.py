"""
What a step's write looks at during a bulk, when its plan and the planner's statistics are from
before it: the rows of its own entities, found by index. A scan would make every write dearer than
the last.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, LiteralString, cast
from uuid import UUID, uuid4

import psycopg
from psycopg.sql import SQL, Identifier
from psycopg.types.json import Jsonb

from shared.events import Ref
from shared.models.documents import Document
from shared.papers.document_reading import store_form
from shared.stores.core import CoreDatabase
from shared.stores.core_documents import CoreDocuments
from tests.conftest import NAMESPACE
from tests.contract.memory_core_world import batch

Sql = psycopg.Connection[dict[str, Any]]
KEY = "0b0e7a52-0000-4000-8000-000000000001"
GROWING = {
    "documents", "medications", "medication_readings", "ledger", "journal", "awaited", "conflicts",
    "outbox", "rag_chunks", "users", "patients", "appointments", "prescriptions", "told",
    "notifications",
}  # fmt: skip
_RECORDED: LiteralString = """
select sync.record('store_user', 'trace', 'revision', jsonb_agg(
  jsonb_build_object('kind', 'user', 'key', 'u' || n, 'version', 1, 'state', s.state,
    'conflicts', case when s.state = 'conflict' then jsonb_build_array(
      jsonb_build_object('field', 'phone', 'other', 'u0')) else '[]' end)))
from generate_series(%(first)s::int, %(last)s::int) n
join unnest(array['done', 'retrying', 'parked', 'conflict', 'gone']) with ordinality s(state, at)
  on s.at = n %% 5 + 1
"""
_STORED: LiteralString = """
with stored as (
  insert into documents (id, patient_id, type)
  select 'd' || n, 'p1', 'LAB' from generate_series(%(first)s::int, %(last)s::int) n returning id
), medication as (
  insert into medications (id, patient_id, document_id, name)
  select d.id || '-' || n, 'p1', d.id, 'Paracetamol' from stored d, generate_series(1, 20) n
), reading as (
  insert into sync.medication_readings (medication_id, document_id, position, needs_review)
  select d.id || '-' || n, d.id, n, false from stored d, generate_series(1, 20) n
)
insert into sync.ledger (kind, key, step, state) select 'document', id, 'store_document', 'done'
from stored
"""
_ANNOUNCED: LiteralString = """
insert into sync.outbox (kind, key, version, sent_at)
select 'prescription', gen_random_uuid()::text, nextval('sync.version'),
       case when %(sent)s then now() end
from generate_series(1, %(count)s::int)
"""
_TOLD: LiteralString = """
with patient as (
  select n from generate_series(%(first)s::int, %(last)s::int) n
), account as (
  insert into users (id, role, firebase_uid) select 'id' || n, 'PATIENT', 'u' || n from patient
), person as (
  insert into patients (id, user_id) select 'p' || n, 'id' || n from patient
), visit as (
  insert into appointments (id, doctor_id, patient_id, start_ts, end_ts, status)
  select 'a' || n, 'any', 'p' || n, now() + interval '1 day', now(), 'CONFIRMED' from patient
), paper as (
  insert into prescriptions (id, appointment_id) select 'rx' || n, 'a' || n from patient
), upload as (
  insert into documents (id, patient_id, type) select 'd' || n, 'p' || n, 'LAB' from patient
), entity as (
  select kind, prefix || n as key, n from patient
  cross join (values ('appointment', 'a'), ('prescription', 'rx'), ('document', 'd'))
    k(kind, prefix)
), version as (
  insert into sync.outbox (kind, key, version) select kind, key, 1 from entity
), known as (
  insert into sync.told (kind, key, uid, state, version)
  select kind, key, 'u' || n, 'any', -1 from entity
), claim as (
  insert into sync.notifications (kind, key, version, what, uid, state)
  select kind, key, -1, 'new', 'u' || n, 'sent' from entity
)
insert into notifications (id, user_id, type, channel, status, metadata)
select kind || key, 'id' || n, 'any', 'PUSH', 'SENT', jsonb_build_object('kind', kind, 'id', key)
from entity
"""
_CHUNKED: LiteralString = """
with document as (
  insert into documents (patient_id, type)
  select 'u1', 'lab' from generate_series(1, %(count)s::int) returning id
)
insert into rag_chunks (id, document_id, patient_id, chunk_index, chunk_text, content_hash,
  embedding_model, document_version, embedding)
select gen_random_uuid(), d.id, 'u1', n, 'any', 'hash', 'model', 1,
       array_fill(0.5, array[1536])::extensions.vector
from document d, generate_series(0, 3) n
"""


class Listening:
    """Takes down what a store would have core do."""

    statement: LiteralString
    parameters: Mapping[str, Any]

    def write_each(
        self, statement: LiteralString, parts: Iterable[Mapping[str, Any]], *, lock: Sequence[str]
    ) -> list[dict[str, Any]]:
        """Note the statement; nothing is written."""
        del lock
        self.statement, (self.parameters,) = statement, parts
        return []

    def read(self, query: LiteralString, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Note the query; nothing is found."""
        self.statement, self.parameters = query, parameters
        return [{}]


@contextmanager
def scanning(sql: Sql) -> Generator[set[str]]:
    """Run what follows in a transaction; fill in which growing tables it reads from end to end."""
    found: set[str] = set()
    with sql.transaction():
        before = scans(sql)
        yield found
        found |= {table for table, n in scans(sql).items() if n > before[table]} & GROWING


def scans(sql: Sql) -> Counter[str]:
    """Return how often each table was scanned, as far as this backend has not reported it yet."""
    rows = sql.execute("select relname, seq_scan from pg_stat_xact_all_tables where seq_scan > 0")
    return Counter({row["relname"]: row["seq_scan"] for row in rows})


def put(sql: Sql, first: int, last: int) -> None:
    with sql.transaction():
        sql.execute("set local session_replication_role = replica")
        sql.execute(_STORED, {"first": first, "last": last})


def test_a_document_is_written_without_a_scan_of_all_the_others(sql: Sql) -> None:
    sql.execute("insert into users (id, role, firebase_uid) values ('id1', 'PATIENT', 'u1')")
    sql.execute("insert into patients (id, user_id) values ('p1', 'id1')")
    put(sql, 1, 20)
    sql.execute("analyze")
    core = Listening()
    upload = Document(KEY, "u1", "lab", None, None, {"medications": [{"name": "A"}]}, None,
                      "2026-05-01T15:30:00+05:30", 1)  # fmt: skip
    ref = Ref("document", KEY, 1)
    stored = store_form(upload, UUID(NAMESPACE))
    CoreDocuments(cast("CoreDatabase", core)).store(batch("store_document", ref), [stored])

    for _ in range(7):  # from the sixth on PostgreSQL keeps one plan for all values
        sql.execute(core.statement, core.parameters)
    put(sql, 21, 2000)
    with scanning(sql) as found:
        sql.execute(core.statement, core.parameters)
    assert not found


def test_an_outcome_is_recorded_without_a_scan_of_what_is_on_record(sql: Sql) -> None:
    sql.execute(_RECORDED, {"first": 1, "last": 20})
    sql.execute("analyze")
    for _ in range(7):
        sql.execute(_RECORDED, {"first": 21, "last": 25})
    with scanning(sql) as found:
        sql.execute(_RECORDED, {"first": 26, "last": 2000})
        sql.execute(_RECORDED, {"first": 2001, "last": 2005})
    assert not found


def test_an_outbox_is_claimed_and_settled_without_a_scan_of_it(sql: Sql) -> None:
    relay(sql, 20)
    sql.execute("analyze")
    for _ in range(7):
        relay(sql, 20)
    sql.execute(_ANNOUNCED, {"count": 5000, "sent": True})
    with scanning(sql) as found:
        relay(sql, 20)
    assert not found


def relay(sql: Sql, count: int) -> None:
    token = str(uuid4())
    sql.execute(_ANNOUNCED, {"count": count, "sent": False})
    claimed = sql.execute("select * from sync.claim_outbox(%s, 1000, 60)", [token]).fetchall()
    assert len(claimed) == count
    rows = [{name: row[name] for name in ("kind", "key", "version")} for row in claimed]
    settled = sql.execute("select sync.settle_outbox(%s, %s) as n", [token, Jsonb(rows)])
    assert settled.fetchall() == [{"n": count}]


def test_news_is_claimed_and_withdrawn_without_a_scan_of_what_others_were_told(sql: Sql) -> None:
    tell(sql, 1, 20)
    sql.execute("analyze")
    for n in range(1, 8):
        assert claimed(sql, n) == {"d": (1, 0), "rx": (1, 0), "a": (1, 0)}
        assert claimed(sql, n + 7, gone=True) == {"d": (0, 1), "rx": (0, 1), "a": (0, 0)}
    tell(sql, 21, 2000)
    with scanning(sql) as found:
        claimed(sql, 15)
        claimed(sql, 16, gone=True)
    assert not found


def tell(sql: Sql, first: int, last: int) -> None:
    with sql.transaction():
        sql.execute("set local session_replication_role = replica")
        sql.execute(_TOLD, {"first": first, "last": last})


def claimed(sql: Sql, patient: int, *, gone: bool = False) -> dict[str, tuple[int, int]]:
    """Claim what is news of a patient; return how much of it is to be told and is withdrawn."""
    counts: dict[str, tuple[int, int]] = {}
    for kind, table, prefix in (
        ("document", "documents", "d"),
        ("prescription", "prescriptions", "rx"),
        ("appointment", "appointments", "a"),
    ):
        key = f"{prefix}{patient}"
        if gone:
            with sql.transaction():
                sql.execute("set local session_replication_role = replica")
                sql.execute(SQL("delete from {} where id = %s").format(Identifier(table)), [key])
        row = sql.execute("select sync.claim_news(%s, %s, 'trace', 60) as telling", [kind, [key]])
        telling = row.fetchall()[0]["telling"]
        counts[prefix] = len(telling["claims"]), len(telling["withdrawn"])
    return counts


def test_chunks_are_read_and_swapped_without_a_scan_of_all_the_others(supabase_sql: Sql) -> None:
    sql = supabase_sql
    sql.execute(_CHUNKED, {"count": 20})
    sql.execute("analyze")
    for _ in range(7):
        swap(sql)
    sql.execute(_CHUNKED, {"count": 2000})
    with scanning(sql) as found:
        swap(sql)
    assert not found


def swap(sql: Sql) -> None:
    one = sql.execute("insert into documents (patient_id, type) values ('u1', 'lab') returning id")
    ids = [row["id"] for row in one]
    found = sql.execute("select id, version from read_for_indexing(%s)", [ids]).fetchall()
    chunk = {"id": str(uuid4()), "index": 0, "text": "any", "hash": "h", "metadata": {},
             "embedding": str([0.5] * 1536)}  # fmt: skip
    given = [{"id": str(row["id"]), "version": row["version"], "model": "m", "chunks": [chunk]}
             for row in found]  # fmt: skip
    swapped = sql.execute("select * from replace_chunks(%s)", [Jsonb(given)])
    assert [row["id"] for row in swapped] == ids


def test_a_scan_is_noticed(sql: Sql) -> None:
    with scanning(sql) as found:
        sql.execute("select count(*) from documents")
    assert found == {"documents"}
