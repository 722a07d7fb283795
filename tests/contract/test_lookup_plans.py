"""Whom a person or a batch looks up is found by index, however many others there are."""

from __future__ import annotations

from typing import LiteralString, cast

from shared.stores.core import CoreDatabase
from shared.stores.core_lineage import CoreLineage
from tests.contract.test_bulk_plans import Listening, Sql, scanning, tell

_ACCOUNTS: LiteralString = """
insert into auth.users (instance_id, id, email, phone)
select '00000000-0000-0000-0000-000000000000',
       ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid, n || '@example.com',
       '910000' || n
from generate_series(%(first)s::int, %(last)s::int) n
"""


def test_auth_users_are_found_without_a_scan_of_all_accounts(supabase_sql: Sql) -> None:
    supabase_sql.execute(_ACCOUNTS, {"first": 1, "last": 20})
    supabase_sql.execute("analyze auth.users")
    for _ in range(7):
        assert accounts(supabase_sql) == {"1@example.com", "2@example.com", "3@example.com"}
    supabase_sql.execute(_ACCOUNTS, {"first": 21, "last": 5000})
    with scanning(supabase_sql) as found:
        accounts(supabase_sql)
    assert not found


def accounts(sql: Sql) -> set[str]:
    """Find three accounts: by id, by e-mail and by phone."""
    rows = sql.execute(
        "select email from find_auth_users(%s::uuid[], %s, %s)",
        [["00000000-0000-4000-8000-000000000001"], ["2@example.com"], ["9100003"]],
    )
    return {row["email"] for row in rows}


def test_a_patient_is_found_by_each_id_without_a_scan_of_all_patients(
    core: CoreDatabase, sql: Sql
) -> None:
    tell(sql, 1, 5000)
    sql.execute("analyze")
    seen = Listening()
    CoreLineage(cast("CoreDatabase", seen)).patient("any")
    for given in ("u7", "id7", "p7", "nobody"):
        with scanning(sql) as found:
            sql.execute(seen.statement, {"id": given})
        assert not found
        row = CoreLineage(core).patient(given)
        assert (row and row["patient_id"]) == (None if given == "nobody" else "p7")
    CoreLineage(cast("CoreDatabase", seen)).history("u7", [], 10)
    with scanning(sql) as found:
        sql.execute(seen.statement, seen.parameters)
    assert found <= {"journal", "ledger"}  # which are empty here
