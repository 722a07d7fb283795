"""Reconciliation in SQL: how little is read of much, and hashes that are the same everywhere."""

from __future__ import annotations

import pytest

from shared.document_reading import TYPES
from shared.projections import bucket, hash64
from shared.stores.core import CoreDatabase
from shared.stores.shown_appointments import copies
from shared.stores.supabase import Supabase
from tests.contract.real_stores import RealStores, Sql


@pytest.fixture(name="to")
def _to(core: CoreDatabase, sql: Sql, supabase: Supabase, supabase_sql: Sql) -> RealStores:
    return RealStores(core, sql, supabase, supabase_sql)


def test_100_differences_among_20000_are_found_by_reading_few_rows(to: RealStores) -> None:
    to.put_patients(1, 20_000)
    for number in range(1, 20_001):
        to.firebase.sign_up(f"u{number}", email=f"{number}@example.com")
        claims = {"role": "authenticated"}
        row = to.firebase.account_rows[f"u{number}"]
        row.claims.update(claims)
    to.run_outbox_as_sent()
    damaged = {f"u{number * 199}" for number in range(1, 101)}
    to.at_core("update users set verified = false where firebase_uid = any(%(uids)s)",
               uids=list(damaged))  # fmt: skip
    report, found = to.reconcile("users", page_rows=3_000)
    assert {f.key for f in found} == damaged
    assert {f.class_ for f in found} == {"stale"}
    # One bucket holds 16 rows, so at most 100 * 16 rows of each side's 20,000; about 1,600 of each.
    assert report.rows_read <= 2 * 100 * 24
    assert (report.source_rows, report.target_rows) == (20_000, 20_000)
    assert to.bus.of("user-changed")


def test_more_differences_than_one_run_looks_into_are_left_to_the_next(
    to: RealStores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.reconciling._MOST_ROWS", 50)
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


@pytest.mark.parametrize("text", ["", "u1", "हिन्दी", "😀" * 40, 'quote " \\ slash', "\x7f\x1f\n"])
def test_hash_and_bucket_are_the_same_in_python_and_in_both_databases(
    to: RealStores, text: str
) -> None:
    expected = {"hash": hash64(text), "bucket": bucket(text, 977)}
    query = "select sync.hash64(%(text)s) as hash, sync.bucket(%(text)s, 977) as bucket"
    for sql in (to.core_sql, to.supabase_sql):
        assert sql.execute(query, {"text": text}).fetchone() == expected


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
    report, found = to.reconcile("appointments", page_rows=999)
    assert (report.source_rows, report.target_rows) == (4_000, 4_000)
    assert {(f.key, f.class_, f.repaired) for f in found} == {(k, "stale", True) for k in damaged}
    assert report.rows_read <= 2 * 4_000 * 2 // 100  # 2 % of each side
    unsent = to.at_core("select key from sync.outbox where sent_at is null")
    assert {row["key"] for row in unsent} == damaged
