"""Races on real stores: whoever comes first, the newest state of the source is what stays."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from psycopg.types.json import Jsonb

from shared.errors import ContendedError
from shared.events import Ref
from shared.models.documents import Chunk, Document, StoredDocument
from shared.models.notices import Telling
from shared.outcomes import Outcome
from shared.runner import Batch
from shared.stores.core import CoreDatabase
from shared.stores.core_outbox import CoreOutbox
from shared.stores.supabase import Supabase
from shared.stores.supabase_documents import SupabaseDocuments
from tests.contract.memory_core_world import batch
from tests.contract.postgres_core_world import PostgresCoreWorld
from tests.contract.supabase_worlds import HttpSupabaseWorld
from tests.contract.test_stores_core_documents import D1, document, medicine, names, store
from tests.contract.test_stores_core_users import EMAIL, account
from tests.contract.test_stores_core_users import store as store_account
from tests.memory.embedder import vector

Sql = psycopg.Connection[dict[str, Any]]
A = TypeVar("A")
T = TypeVar("T")


def together(work: Callable[[A], T], *given: A) -> list[T]:
    """Do the work for each of the given at the same time: a thread each, started by a barrier."""
    barrier = threading.Barrier(len(given))

    def start(one: A) -> T:
        barrier.wait(timeout=10)
        return work(one)

    with ThreadPoolExecutor(len(given)) as threads:
        return list(threads.map(start, given))


@pytest.fixture(name="world")
def _world(core: CoreDatabase, sql: Sql) -> PostgresCoreWorld:
    world = PostgresCoreWorld(core, sql)
    world.put_user("someone", firebase_uid="patient-uid")
    world.put_patient("someone", "p1")
    world.outbox.settle(token := str(uuid4()), world.outbox.claim(token, 100, 60))
    return world


def written(version: int, *names: str) -> StoredDocument:
    return document(version, *[medicine(name) for name in names], uid="patient-uid")


def test_a_longer_older_document_leaves_no_tail_behind_a_newer_one(
    world: PostgresCoreWorld,
) -> None:
    for first in range(1, 60, 2):
        older = written(first, "Aaa", "Bbb", "Ccc", "Ddd", "Eee")
        newer = written(first + 1, "Ddd", "Eee", "Fff")
        outcomes = together(lambda given: store(world, given)[0], older, newer)
        assert {outcome.state for outcome in outcomes} == {"done"}
        assert names(world) == ["Ddd", "Eee", "Fff"]
        assert len(world.readings(D1)) == 3
        standing = world.standing("document", D1, "store_document")
        assert standing == ("done", first + 1, first + 1, 0, None)


def test_a_removal_and_an_older_write_end_without_the_document(world: PostgresCoreWorld) -> None:
    def apply(change: StoredDocument | Ref) -> None:
        if isinstance(change, Ref):
            world.documents.remove(batch("store_document", change), [change])
        else:
            store(world, change)

    for first in range(1, 20, 2):
        together(apply, written(first, "Paracetamol"), Ref("document", D1, first + 1))
        assert world.document(D1) is None
        assert world.medications(D1) == {}


def test_of_racing_writes_of_one_account_the_later_ticket_wins(world: PostgresCoreWorld) -> None:
    def write(at: tuple[str, int]) -> None:
        uid, ticket = at
        store_account(world, account(uid, f"{ticket}-{uid}@example.com", None), ticket=ticket)

    for uid in (f"u{number}" for number in range(10)):
        tickets = [world.users.ticket() for _ in range(4)]
        together(write, *[(uid, ticket) for ticket in tickets])
        user = world.user(uid)
        assert user is not None
        assert user["email"] == f"{tickets[-1]}-{uid}@example.com"
        assert world.patient(f"id-{uid}") == f"patient-{uid}"


def test_of_two_accounts_racing_for_one_contact_one_gets_it_and_one_is_a_conflict(
    world: PostgresCoreWorld,
) -> None:
    def insist(uid: str) -> Outcome:
        """Try again on contention, as the runner does."""
        for _ in range(3):
            try:
                return store_account(world, account(uid, EMAIL, None))[0]
            except ContendedError:
                continue
        return store_account(world, account(uid, EMAIL, None))[0]

    outcomes = together(insist, "u1", "u2")
    assert sorted(outcome.state for outcome in outcomes) == ["conflict", "done"]
    emails = [(world.user(uid) or {})["email"] for uid in ("u1", "u2")]
    assert sorted(emails, key=str) == [None, EMAIL]


def test_racing_relays_take_each_row_once(world: PostgresCoreWorld) -> None:
    world.put_users(200)

    def drain(mine: list[Ref]) -> list[Ref]:
        while claimed := world.outbox.claim(str(uuid4()), 30, 60):
            mine += claimed
        return mine

    taken = [ref for mine in together(drain, [], [], [], []) for ref in mine]
    assert len(taken) == len(set(taken)) == 200


def test_a_relay_does_not_wait_for_one_that_is_claiming(
    world: PostgresCoreWorld, core_dsn: str
) -> None:
    world.put_users(5)
    claim = "select * from sync.claim_outbox(gen_random_uuid(), 3, 60)"
    impatient = CoreDatabase(make_conninfo(core_dsn, options="-c lock_timeout=1s"))
    with psycopg.connect(core_dsn) as slow:
        assert len(slow.execute(claim).fetchall()) == 3
        assert len(CoreOutbox(impatient).claim(str(uuid4()), 100, 60)) == 2
    impatient.close()


def test_supabases_relay_does_not_wait_for_one_that_is_claiming(
    supabase_served: tuple[str, object], supabase_sql: Sql
) -> None:
    supabase_sql.execute(
        "insert into documents (patient_id) select 'u1' from generate_series(1, 5)"
    )
    claim = "select * from public.claim_outbox(gen_random_uuid(), 3, 60)"
    with psycopg.connect(supabase_served[0]) as slow:
        assert len(slow.execute(claim).fetchall()) == 3
        supabase_sql.execute("set lock_timeout = '1s'")
        assert len(supabase_sql.execute(claim.encode()).fetchall()) == 2


def test_a_change_committed_late_is_still_announced(
    world: PostgresCoreWorld, core_dsn: str
) -> None:
    with psycopg.connect(core_dsn) as slow:
        slow.execute("insert into users (id, role, firebase_uid) values ('s', 'PATIENT', 'slow')")
        world.put_user("f", firebase_uid="fast")
        refs = world.outbox.claim(token := str(uuid4()), 100, 60)
        assert [ref.key for ref in refs] == ["fast"]
        world.outbox.settle(token, refs)
    late = world.outbox.claim(str(uuid4()), 100, 60)
    assert [ref.key for ref in late] == ["slow"]
    assert late[0].version < refs[0].version


def test_racing_records_of_one_entity_end_at_the_newest_version(world: PostgresCoreWorld) -> None:
    def record(version: int) -> None:
        world.ledger.record(batch("s"), [Outcome(Ref("user", "u1", version), "done")])

    versions = list(range(1, 9))
    together(record, *versions)
    assert world.standing("user", "u1", "s") == ("done", 8, 8, 0, None)
    assert sorted(version for _, version, _, _ in world.journal("s")) == versions


def test_who_began_before_and_records_after_another_does_not_turn_time_back(
    world: PostgresCoreWorld, core_dsn: str
) -> None:
    """It would seem to lag behind what forwarded to it, for ever."""
    refs = (Ref("user", "u1", 1),)
    at = "select updated_at from sync.ledger where step = 's'"
    with psycopg.connect(core_dsn) as early, psycopg.connect(core_dsn, autocommit=True) as look:
        early.execute("select now()")
        world.ledger.record(batch("s", *refs), [Outcome(refs[0], "done")])
        (known,) = look.execute(at).fetchone() or (None,)
        early.execute(
            "select sync.record('s', %s, 'local', %s)",
            ["0" * 32, Jsonb([{"kind": "user", "key": "u1", "version": 1, "state": "done"}])],
        )
        early.commit()
        assert look.execute(at).fetchone() == (known,)


def test_of_racing_messages_about_one_piece_of_news_one_gets_to_tell_it(
    world: PostgresCoreWorld,
) -> None:
    def claim(trace: int) -> int:
        ref = Ref("appointment", "a1")
        message = Batch("notify_appointment", (ref,), f"00-{trace:032x}-{trace:016x}-01")
        claims = world.notifications.claim(message, "appointment").claims
        newest = world.version("appointment", "a1")
        return sum(not claimed.held for claimed in claims if claimed.version == newest)

    for day in range(1, 15):
        world.put_appointment("a1", "someone", start=datetime(2126, 5, day, 10, tzinfo=UTC))
        assert sorted(together(claim, 1, 2, 3)) == [0, 0, 1]
    assert len(world.claims("a1")) == 14


def test_what_is_deleted_while_a_message_waits_for_its_turn_is_not_claimed_but_withdrawn(
    world: PostgresCoreWorld, core_dsn: str, sql: Sql
) -> None:
    def claim(trace: int = 1) -> Telling:
        ref = Ref("prescription", "rx1")
        message = Batch("notify_prescription", (ref,), f"00-{trace:032x}-{trace:016x}-01")
        return world.notifications.claim(message, "prescription")

    new = datetime.now(UTC).isoformat()
    world.put_prescription("rx1", "someone", summary={"notes": "first"}, created_at=new)
    assert [told.what for told in claim().claims] == ["new"]
    world.put_prescription("rx1", "someone", summary={"notes": "second"})
    with psycopg.connect(core_dsn) as other, ThreadPoolExecutor(1) as threads:
        other.execute("select pg_advisory_xact_lock(hashtextextended('told/prescription/rx1', 0))")
        waiting = threads.submit(claim)
        while not sql.execute("select from pg_locks where not granted").fetchall():
            assert not waiting.done()
        world.delete_prescription("rx1")
        other.rollback()
        found = waiting.result(timeout=10)
    assert (found.versions, found.claims) == ({}, [])
    assert [told.what for told in found.withdrawn] == ["new"]


def test_racing_mirrors_of_one_prescription_end_with_the_newest(supabase: Supabase) -> None:
    documents, key = SupabaseDocuments(supabase), str(UUID(int=7))
    stamp = "2026-05-01T10:00:00Z"

    def mirror(version: int) -> None:
        text = f"version {version}"
        documents.mirror([Document(key, "u1", "prescription", None, text, {}, 1.0, stamp, version)])

    for first in range(1, 30, 3):
        together(mirror, first, first + 1, first + 2)
        assert documents.read([key])[key].text == f"version {first + 2}"


def test_racing_swaps_of_one_documents_chunks_leave_one_of_the_two_sets(
    supabase: Supabase, supabase_sql: Sql
) -> None:
    world, key = HttpSupabaseWorld(supabase, supabase_sql), str(UUID(int=8))
    world.upload({"id": key, "patient_id": "u1", "text": "any"})
    source = world.documents.read_for_indexing([key])[key]

    def swap(texts: list[str]) -> None:
        chunks = [
            Chunk(str(UUID(int=100 + n)), n, text, text, {}, vector(text))
            for n, text in enumerate(texts)
        ]
        assert world.documents.replace_chunks("m", [(source, chunks)]) == {key}

    long, short = [f"long {n}" for n in range(5)], [f"short {n}" for n in range(2)]
    for _ in range(10):
        together(swap, long, short)
        assert [text for _, text, *_ in world.chunks(key)] in (long, short)
