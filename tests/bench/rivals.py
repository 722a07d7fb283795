"""
What storing documents is compared with: the best single statement, and row by row.

Both write the very rows that the step writes: documents, medications, their readings, ledger and
journal. They are handed the rows ready made; the step has to read and judge the medications first.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb
from supabase import create_client

from shared.papers.document_reading import store_form
from shared.stores.core_documents import utc
from shared.stores.supabase_documents import SupabaseDocuments
from tests.bench.world import NAMESPACE, Stores
from tests.databases import SERVICE_KEY

_BEST = """
with d as (
  select * from jsonb_to_recordset(%(documents)s) as r(id text, uid text, version bigint,
    file_url text, text text, structured_json jsonb, ocr_confidence float8, created_at timestamp)
), homed as (
  select d.*, p.id as patient from d
  join users u on u.firebase_uid = d.uid join patients p on p.user_id = u.id
), m as (
  select * from jsonb_to_recordset(%(medications)s) as r(id text, document_id text, name text,
    strength text, form text, frequency text, duration_days integer, position integer, raw text,
    frequency_code text, strength_value numeric, strength_unit text, confidence numeric)
), document as (
  insert into documents
    (id, patient_id, type, file_url, text, structured_json, ocr_confidence, created_at)
  select id, patient, 'PRESCRIPTION', file_url, text, structured_json, ocr_confidence, created_at
  from homed
  on conflict (id) do update set text = excluded.text, structured_json = excluded.structured_json
), medication as (
  insert into medications (id, patient_id, document_id, name, strength, form, frequency,
    duration_days)
  select m.id, h.patient, document_id, name, strength, form, frequency, duration_days
  from m join homed h on h.id = m.document_id
  on conflict (id) do update set name = excluded.name, strength = excluded.strength
), reading as (
  insert into sync.medication_readings (medication_id, document_id, position, raw, frequency_code,
    strength_value, strength_unit, confidence, needs_review)
  select id, document_id, position, raw, frequency_code, strength_value, strength_unit, confidence,
    false from m
  on conflict (medication_id) do update set raw = excluded.raw
), ledger as (
  insert into sync.ledger (kind, key, step, state, source_version, seen_version)
  select 'document', id, 'store_document', 'done', version, version from homed
  on conflict (kind, key, step) do update set state = excluded.state
)
insert into sync.journal (kind, key, step, source_version, state, revision)
select 'document', id, 'store_document', version, 'done', 'local' from homed
"""
_TABLES = {
    "documents": "documents (id, patient_id, type, file_url, text, structured_json,"
    " ocr_confidence, created_at) values (%s, %s, 'PRESCRIPTION', %s, %s, %s, %s, %s)",
    "medications": "medications (id, patient_id, document_id, name, strength, form, frequency,"
    " duration_days) values (%s, %s, %s, %s, %s, %s, %s, %s)",
    "readings": "sync.medication_readings (medication_id, document_id, position, raw,"
    " frequency_code, strength_value, strength_unit, confidence, needs_review)"
    " values (%s, %s, %s, %s, %s, %s, %s, %s, false)",
}
_COLUMNS = "id,patient_id,type,file_url,text,structured_json,ocr_confidence,created_at,version"
Rows = tuple[list[dict[str, Any]], list[dict[str, Any]]]


def rows_of(stores: Stores, ids: Sequence[str]) -> Rows:
    """Return documents and medications as rows of core, made from Supabase by the step's rules."""
    found = SupabaseDocuments(stores.supabase).read(ids).values()
    forms = [store_form(document, UUID(NAMESPACE)) for document in found]
    documents = [
        {
            "id": f.document.id, "uid": f.document.patient_uid, "version": f.document.version,
            "file_url": f.document.file_url, "text": f.document.text,
            "structured_json": f.document.structured, "ocr_confidence": f.document.confidence,
            "created_at": utc(f.document.created_at),
        }
        for f in forms
    ]  # fmt: skip
    medications = [
        {
            "id": key, "document_id": f.document.id, "name": m.name, "strength": m.strength,
            "form": m.form, "frequency": m.frequency, "duration_days": m.duration_days,
            "position": m.position, "raw": m.raw, "frequency_code": m.frequency_code,
            "strength_value": m.strength_value and str(m.strength_value),
            "strength_unit": m.strength_unit, "confidence": m.confidence and str(m.confidence),
        }
        for f in forms
        for key, m in f.medications
    ]  # fmt: skip
    return documents, medications


class BestSql:
    """One GET on an open connection, one statement on an open connection; nothing else."""

    def __init__(self, stores: Stores) -> None:
        self._sql = psycopg.connect(stores.core_dsn, autocommit=True)
        self._http = http.client.HTTPConnection(urlsplit(stores.supabase_url).netloc)

    def store(self, ids: Sequence[str], documents: Jsonb, medications: Jsonb) -> None:
        """Read the documents of these ids, drop them, write rows made beforehand (as JSON)."""
        path = f"/rest/v1/documents?select={_COLUMNS}&id=in.({','.join(ids)})"
        headers = {"apikey": SERVICE_KEY, "Authorization": f"Bearer {SERVICE_KEY}"}
        self._http.request("GET", path, headers=headers)
        if len(json.loads(self._http.getresponse().read())) != len(ids):
            raise RuntimeError("the rows are not there")
        self._sql.execute(_BEST, {"documents": documents, "medications": medications})

    def close(self) -> None:
        """Close both connections."""
        self._sql.close()
        self._http.close()


class RowByRow:
    """The product's own way: each row looked up and inserted by itself, each its own commit."""

    def __init__(self, stores: Stores) -> None:
        self._sql = psycopg.connect(stores.core_dsn, autocommit=True)
        self._supabase = create_client(stores.supabase_url, SERVICE_KEY)

    def store(self, rows: Rows) -> None:
        """Write documents one after the other."""
        documents, medications = rows
        for d in documents:
            self._supabase.table("documents").select(_COLUMNS).eq("id", d["id"]).execute()
            patient = self._one(
                "select p.id from patients p join users u on u.id = p.user_id"
                " where u.firebase_uid = %s", d["uid"])  # fmt: skip
            structured = Jsonb(d["structured_json"])
            self._insert("documents", d["id"], patient, d["file_url"], d["text"], structured,
                         d["ocr_confidence"], d["created_at"])  # fmt: skip
            for m in medications:
                if m["document_id"] == d["id"]:
                    self._medication(m, patient)
            self._note(d)

    def _medication(self, m: dict[str, Any], patient: str) -> None:
        self._insert("medications", m["id"], patient, m["document_id"], m["name"], m["strength"],
                     m["form"], m["frequency"], m["duration_days"])  # fmt: skip
        self._insert("readings", m["id"], m["document_id"], m["position"], m["raw"],
                     m["frequency_code"], m["strength_value"], m["strength_unit"],
                     m["confidence"])  # fmt: skip

    def _insert(self, table: str, key: str, *values: Any) -> None:
        name, _, _ = _TABLES[table].partition(" ")
        column = "medication_id" if table == "readings" else "id"
        if self._one(f"select 1 from {name} where {column} = %s", key) is None:  # noqa: S608
            self._sql.execute(f"insert into {_TABLES[table]}".encode(), [key, *values])

    def _note(self, d: dict[str, Any]) -> None:
        self._one("select state from sync.ledger where kind = 'document' and key = %s", d["id"])
        self._sql.execute(
            "insert into sync.ledger (kind, key, step, state, source_version, seen_version)"
            " values ('document', %s, 'store_document', 'done', %s, %s)",
            [d["id"], d["version"], d["version"]])  # fmt: skip
        self._sql.execute(
            "insert into sync.journal (kind, key, step, source_version, state, revision)"
            " values ('document', %s, 'store_document', %s, 'done', 'local')",
            [d["id"], d["version"]])  # fmt: skip

    def _one(self, query: str, key: str) -> Any:
        row = self._sql.execute(query.encode(), [key]).fetchone()
        return row[0] if row else None

    def close(self) -> None:
        """Close the connection."""
        self._sql.close()
