"""Synthetic patients and documents of a set size, written straight into the databases."""

from __future__ import annotations

from typing import Any, LiteralString

import psycopg
from psycopg.types.json import Jsonb

from tests.bench.prescribing import medicine
from tests.bench.world import fresh_id

_PATIENTS = """
with person as (
  insert into users (id, role, firebase_uid, email, verified)
  select 'id-' || n, 'PATIENT', 'u' || n, n || '@example.com', true
  from generate_series(1, %(count)s) n on conflict do nothing returning id
) insert into patients (id, user_id) select 'patient-' || id, id from person
"""
_UPLOADS = """
insert into documents (id, patient_id, type, file_url, text, structured_json, ocr_confidence)
select id, patient_id, 'prescription', file_url, text, structured_json, 0.91
from jsonb_to_recordset(%(rows)s)
  as r(id uuid, patient_id text, file_url text, text text, structured_json jsonb)
"""


def silently(connection: psycopg.Connection[Any], statement: LiteralString, **values: Any) -> None:
    """Run a statement as the database's owner, with no trigger noting it."""
    with connection.transaction():
        connection.execute("set local session_replication_role = replica")
        connection.execute(statement, values)


def put_patients(core: psycopg.Connection[Any], count: int) -> None:
    """Insert patients u1..u<count> into core."""
    silently(core, _PATIENTS, count=count)


def put_documents(
    supabase: psycopg.Connection[Any], count: int, medications: int, *, patients: int = 100
) -> list[str]:
    """Insert uploads with so many medications each, and a line of text for each; return the ids."""
    rows = [_upload(number, medications, patients) for number in range(count)]
    supabase.execute(_UPLOADS, {"rows": Jsonb(rows)})
    return [row["id"] for row in rows]


def _upload(number: int, medications: int, patients: int) -> dict[str, Any]:
    lines = [medicine() for _ in range(medications)]
    uid, key = f"u{number % patients + 1}", fresh_id()
    return {
        "id": key,
        "patient_id": uid,
        "file_url": f"documents/{uid}/{key}.jpg",
        "text": "\n".join(line["raw"] for line in lines),
        "structured_json": {"medications": lines, "style": "typed"},
    }
