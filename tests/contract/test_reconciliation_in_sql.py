"""Reconciliation in SQL: few rows are read, and hashes are the same everywhere."""

from __future__ import annotations

import time
from typing import Any

import pytest
from psycopg.sql import SQL, Identifier

from shared.papers.document_types import TYPES
from shared.repair.digests import Table
from shared.repair.projections import BUCKETS, PROJECTIONS, bucket, hash64
from shared.repair.reconciliations import reconciliation
from shared.stores.core import CoreDatabase
from shared.stores.core_digests import CoreDigests
from shared.stores.shown_appointments import copies
from shared.stores.supabase import Supabase
from tests.contract.agreed import bring_into_agreement
from tests.contract.drifts import DOC
from tests.contract.real_stores import RealStores, Sql


@pytest.fixture(name="to")
def _to(core: CoreDatabase, sql: Sql, supabase: Supabase, supabase_sql: Sql) -> RealStores:
    return RealStores(core, sql, supabase, supabase_sql)


def test_more_differences_than_one_run_looks_into_are_left_to_the_next(
    to: RealStores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.repair.reconciling._MOST_ROWS", 50)
    for number in range(200):
        to.firebase.sign_up(f"u{number}")
    report, found = to.reconcile("users")
    assert not report.complete
    assert 0 < len(found) <= 50
    to.run()
    for _ in range(20):
        report, found = to.reconcile("users")
        to.run()
        if report.complete and not found:
            break
    assert report.source_rows == report.target_rows == 200


@pytest.mark.parametrize("name", list(PROJECTIONS))
def test_a_comparison_uses_one_connection_to_core_at_a_time(
    to: RealStores, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An instance of `reconcile` has one, and a digest may hold it longer than others wait."""
    bring_into_agreement(to)
    read, users, most = CoreDatabase.read, 0, 0

    def slowly(core: CoreDatabase, *asked: Any) -> Any:
        nonlocal users, most
        users += 1
        most = max(most, users)
        time.sleep(0.1)
        users -= 1
        return read(core, *asked)

    monkeypatch.setattr(CoreDatabase, "read", slowly)
    reconciliation(name, to).run()
    assert most == 1


@pytest.mark.parametrize("text", ["", "u1", "हिन्दी", "😀" * 40, 'quote " \\ slash', "\x7f\x1f\n"])
def test_hash_and_bucket_are_the_same_in_python_and_in_both_databases(
    to: RealStores, text: str
) -> None:
    expected = {"hash": hash64(text), "bucket": bucket(text)}
    query = "select sync.hash64(%(text)s) as hash, sync.bucket(%(text)s) as bucket"
    for sql in (to.core_sql, to.supabase_sql):
        assert sql.execute(query, {"text": text}).fetchone() == expected


def test_a_canonical_text_has_all_its_fields_whatever_is_missing(to: RealStores) -> None:
    bring_into_agreement(to)
    to.at_core("update patients set name = null, dob = null, gender = null, allergies = null")
    to.at_core("update documents set file_url = null, text = null, structured_json = null,"
                   " ocr_confidence = null where id = %(id)s", id=DOC[0])  # fmt: skip
    to.at_core("update appointments set address = null, checked_in_at = null")
    to.at_supabase("update auth.users set raw_user_meta_data = '{}', phone = null"
                       " where email <> ''")  # fmt: skip
    to.at_supabase("update documents set patient_id = 'u', type = 'x', file_url = null,"
                       " text = null, structured_json = null, ocr_confidence = null")  # fmt: skip
    for name, projection in PROJECTIONS.items():
        sides = {"core": to.core_sql, "supabase": to.supabase_sql}
        separators: set[int] = set()
        for place in {projection.source, projection.target} & sides.keys():
            view = Identifier("sync", f"projection_{name}")
            rows = sides[place].execute(SQL("select canonical from {}()").format(view)).fetchall()
            assert rows
            separators |= {row["canonical"].count("\x1f") for row in rows}
        assert len(separators) == 1, name


def test_a_table_that_is_read_in_many_pages_is_digested_as_a_whole(to: RealStores) -> None:
    to.put_patients(1, 5_000)
    whole = Table(CoreDigests(to.core), "auth_users", first_blocks=1_000_000).digests()
    paged = Table(CoreDigests(to.core), "auth_users", first_blocks=1)
    assert paged.digests().differing(whole) == []
    assert sum(whole.rows) == 5_000
    assert len(paged.rows(range(BUCKETS))) == 5_000


def test_every_spelling_of_a_documents_type_is_the_same_in_sql(to: RealStores) -> None:
    for spelling, core_type in TYPES.items():
        for written in (spelling, f" {spelling.upper()} "):
            row = to.supabase_sql.execute("select sync.core_type(%(t)s) as t", {"t": written})
            assert row.fetchone() == {"t": core_type}


def test_few_differences_among_many_appointments_are_found_by_reading_few_rows(
    to: RealStores,
) -> None:
    to.put_patients(1, 2_000)
    to.put_visits(2_000)
    visits = to.core_appointments.read([f"visit-{n}" for n in range(1, 2_001)])
    shown = {at: fields for visit in visits.values() for at, fields in copies(visit).items()}
    for at, fields in shown.items():
        to.firebase.put_document(at, fields)
    to.run_outbox_as_sent()
    damaged = {f"visit-{n * 499}" for n in range(1, 4)}
    for key in damaged:
        at = f"users/u{key.removeprefix('visit-')}/appointments/{key}"
        to.firebase.put_document(at, shown[at] | {"status": "CANCELLED"})
    report, found = to.reconcile("appointments")
    assert (report.source_rows, report.target_rows) == (4_000, 4_000)
    assert {(f.key, f.class_, f.repaired) for f in found} == {(k, "stale", True) for k in damaged}
    assert report.rows_read <= 2 * 4_000 * 2 // 100  # 2 % of each side
    unsent = to.at_core("select key from sync.outbox where sent_at is null")
    assert {row["key"] for row in unsent} == damaged
