"""An outbox row remembers the trace that its entity was changed under, in core and in Supabase."""

from __future__ import annotations

from uuid import uuid4

import psycopg
import pytest

from shared.events import new_traceparent
from shared.observability import tracing
from shared.stores.core import CoreDatabase
from shared.stores.core_outbox import CoreOutbox
from shared.stores.supabase import Supabase
from shared.stores.supabase_outbox import SupabaseOutbox

Sql = psycopg.Connection[dict[str, object]]
TRACE = new_traceparent()


def insert_user(sql: Sql, uid: str, traceparent: str) -> None:
    with sql.transaction():
        sql.execute("select set_config('sync.traceparent', %s, true)", [traceparent])
        sql.execute(
            "insert into users (id, role, firebase_uid) values (%s, 'PATIENT', %s)",
            [f"id-{uid}", uid],
        )


def test_the_backend_names_its_trace_for_a_transaction_and_for_no_other(
    core: CoreDatabase, sql: Sql
) -> None:
    insert_user(sql, "u1", TRACE)
    sql.execute("insert into users (id, role, firebase_uid) values ('id-u2', 'PATIENT', 'u2')")
    refs = CoreOutbox(core).claim(str(uuid4()), 10, 60)
    assert {ref.key: ref.trace for ref in refs} == {"u1": TRACE, "u2": ""}


@pytest.mark.parametrize("given", ["", "asha@example.com", TRACE.upper(), f"{TRACE} +919876543210"])
def test_what_is_no_traceparent_is_not_kept_and_the_change_is(
    core: CoreDatabase, sql: Sql, given: str
) -> None:
    insert_user(sql, "u1", given)
    (ref,) = CoreOutbox(core).claim(str(uuid4()), 10, 60)
    assert (ref.key, ref.trace) == ("u1", "")


def test_a_later_change_and_an_announcement_again_belong_to_no_earlier_trace(
    core: CoreDatabase, sql: Sql
) -> None:
    outbox = CoreOutbox(core)
    insert_user(sql, "u1", TRACE)
    outbox.announce_again("user", ["u1"])
    assert outbox.claim(str(uuid4()), 10, 60)[0].trace == ""
    insert_user(sql, "u2", TRACE)
    sql.execute("update users set email = 'a@example.com' where firebase_uid = 'u2'")
    assert {ref.key: ref.trace for ref in outbox.claim(str(uuid4()), 10, 60)} == {"u2": ""}


def test_what_the_sync_causes_to_be_announced_goes_on_with_its_own_trace(
    core: CoreDatabase, sql: Sql
) -> None:
    """A patient whom the front desk had entered signs up: their appointments are shown now."""
    sql.execute("insert into users (id, role) values ('id-d', 'DOCTOR'), ('id-p', 'PATIENT')")
    sql.execute(
        "insert into doctors (id, user_id, first_name, last_name) values ('d', 'id-d', 'T', 'D')"
    )
    sql.execute("insert into patients (id, user_id) values ('p', 'id-p')")
    sql.execute(
        "insert into appointments (id, patient_id, doctor_id, start_ts, end_ts)"
        " values ('a', 'p', 'd', now(), now())"
    )
    sql.execute("update sync.outbox set sent_at = now()")
    with tracing.invocation("run_canary"):
        statement = "update users set firebase_uid = 'u1' where id = 'id-p' returning id"
        core.write(statement, {})
        here = tracing.here()
    refs = CoreOutbox(core).claim(str(uuid4()), 10, 60)
    assert {(ref.kind, ref.trace) for ref in refs} == {("appointment", here)}


@pytest.mark.parametrize("header", [TRACE, "", "nonsense"])
def test_an_edge_function_names_its_trace_in_a_header(
    supabase: Supabase, supabase_sql: Sql, header: str
) -> None:
    upload = {"id": str(uuid4()), "patient_id": "u1"}
    headers = {"Content-Type": "application/json"} | ({"traceparent": header} if header else {})
    answer = supabase._http.send("POST", "/rest/v1/documents", [upload], headers)
    assert answer.status == 201
    (ref,) = SupabaseOutbox(supabase).claim(str(uuid4()), 10, 60)
    assert ref.trace == (TRACE if header == TRACE else "")
