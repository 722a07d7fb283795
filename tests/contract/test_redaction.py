"""A record that is kept of an erased patient: what names the person goes, the rest stays."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

Sql = psycopg.Connection[dict[str, Any]]
NAME, PHONE = "Asha True", "+919876543210"


@pytest.fixture(autouse=True)
def _visit(sql: Sql) -> None:
    sql.execute(
        "insert into users (id, role, firebase_uid, phone)"
        " values ('id1', 'PATIENT', 'u1', %(phone)s)",
        {"phone": PHONE},
    )
    sql.execute("insert into patients (id, user_id, name) values ('p1', 'id1', %(n)s)", {"n": NAME})
    sql.execute("insert into users (id, role) values ('id2', 'DOCTOR')")
    sql.execute(
        "insert into doctors (id, user_id, first_name, last_name) values ('d1', 'id2', 'A', 'B')"
    )
    sql.execute(
        "insert into appointments (id, doctor_id, patient_id, start_ts, end_ts, status)"
        " values ('a1', 'd1', 'p1', now(), now(), 'COMPLETED')"
    )


def erase(sql: Sql) -> None:
    sql.execute("select sync.order_erasure('u1', null)")
    sql.execute("select sync.erase_patient(sync.alias('user', 'u1'))")


def kept(sql: Sql, summary: Any) -> Any:
    """Return what becomes of a prescription's summary."""
    sql.execute(
        "insert into prescriptions (id, appointment_id, summary_json) values ('rx', 'a1', %(s)s)",
        {"s": Jsonb(summary)},
    )
    erase(sql)
    (row,) = sql.execute("select summary_json from prescriptions").fetchall()
    return row["summary_json"]


def test_a_summary_stays_one_whatever_of_it_is_the_patients(sql: Sql) -> None:
    summary = {
        "contact": 9876543210, "printed": True, "follow_up_days": 7, "doses": [1.50, None],
        "medications": [{"name": "Paracetamol", "given_to": "ASHA TRUE"}, "asha"],
    }  # fmt: skip
    assert kept(sql, summary) == {
        "contact": "[erased]", "printed": True, "follow_up_days": 7, "doses": [1.50, None],
        "medications": [{"name": "Paracetamol", "given_to": "[erased]"}, "[erased]"],
    }  # fmt: skip


def test_a_summary_that_is_the_text_of_one_stays_readable_and_loses_the_person_too(
    sql: Sql,
) -> None:
    text = '{"dob": "1990-05-01", "address": "12 Any Road", "contact": 9876543210, "days": 7}'
    assert kept(sql, text) == '{"days": 7, "contact": "[erased]"}'


@pytest.mark.parametrize("summary", ["{call Asha", "for Asha", ["Asha"], {}, None])
def test_a_summary_of_any_other_form_is_redacted(sql: Sql, summary: Any) -> None:
    found = kept(sql, summary)
    assert found == (summary if not summary else type(summary)(_redacted(summary)))


def _redacted(summary: Any) -> Any:
    return ["[erased]"] if isinstance(summary, list) else summary.replace("Asha", "[erased]")


def test_texts_of_every_type_are_redacted(sql: Sql) -> None:
    sql.execute(
        "alter table appointments add reason varchar(12) not null default 'for Asha',"
        " add tags text[] not null default '{asha,urgent}', add aliases varchar(20)[],"
        " add none text[] not null default '{}', add code char(4) default 'Asha'"
    )
    erase(sql)
    (row,) = sql.execute("select reason, tags, aliases, none, code from appointments").fetchall()
    assert row == {
        "reason": "for [erased]", "tags": ["[erased]", "urgent"], "aliases": None, "none": [],
        "code": "[era",
    }  # fmt: skip
