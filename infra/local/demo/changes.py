"""What happens later: a reading is corrected, a document deleted, a prescription revoked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, LiteralString

import psycopg
from psycopg.rows import dict_row

from infra.local.demo.apps import Backend, EdgeFunction
from infra.local.demo.visits import Told
from infra.local.toolchain import say

_READINGS = """
select id::text, patient_id as uid, text, structured_json from documents
where origin = 'upload' and text is not null and jsonb_typeof(structured_json) = 'object'
order by id limit 2
"""
_PRESCRIPTION = """
select r.id, u.firebase_uid as uid from prescriptions r
join appointments a on a.id = r.appointment_id
join patients p on p.id = a.patient_id join users u on u.id = p.user_id
order by r.id limit 1
"""


def amend(stack: Mapping[str, Any]) -> list[Told]:
    """
    Correct one document, delete another, revoke one prescription; as far as there are any. Return
    what patients were or are to be told of what changed or is gone.
    """
    edge, backend = EdgeFunction(stack), Backend(stack)
    told: list[Told] = []
    readings = _rows(stack["supabase_dsn"], _READINGS)
    if readings:
        listed = readings[0]["structured_json"]["medications"]
        edge.correct(
            readings[0]["id"],
            {
                "text": f"Corrected reading\n{listed[0]['name']}",
                "structured_json": {"medications": listed[:1], "style": "corrected"},
            },
        )
        told.append((readings[0]["uid"], "document_changed", readings[0]["id"]))
    if len(readings) > 1:
        edge.delete(readings[1]["id"])
        told.append((readings[1]["uid"], "document_new", readings[1]["id"]))
    for prescription in _rows(stack["core_dsn"], _PRESCRIPTION):
        backend.revoke(prescription["id"])
        told.append((prescription["uid"], "prescription_revoked", prescription["id"]))
    say("a document was corrected, one deleted, a prescription revoked; waiting again")
    return told


def _rows(dsn: str, query: LiteralString) -> list[dict[str, Any]]:
    with psycopg.Connection[dict[str, Any]].connect(dsn, row_factory=dict_row) as connection:
        return connection.execute(query).fetchall()
