"""What happens later: a reading is corrected, a document deleted, a prescription revoked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, LiteralString

import psycopg
from psycopg.rows import dict_row

from infra.local.demo.apps import Backend, EdgeFunction
from infra.local.toolchain import say

_READINGS = """
select id::text, text, structured_json from documents
where origin = 'upload' and text is not null and jsonb_typeof(structured_json) = 'object'
order by id limit 2
"""
_PRESCRIPTION = "select id from prescriptions order by id limit 1"


def amend(stack: Mapping[str, Any]) -> None:
    """Correct one document, delete another, revoke one prescription; as far as there are any."""
    edge, backend = EdgeFunction(stack), Backend(stack)
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
    if len(readings) > 1:
        edge.delete(readings[1]["id"])
    for prescription in _rows(stack["core_dsn"], _PRESCRIPTION):
        backend.revoke(prescription["id"])
    say("a document was corrected, one deleted, a prescription revoked; waiting again")


def _rows(dsn: str, query: LiteralString) -> list[dict[str, Any]]:
    with psycopg.Connection[dict[str, Any]].connect(dsn, row_factory=dict_row) as connection:
        return connection.execute(query).fetchall()
