"""Everything the three stores hold, read for comparison by their owners' own ways in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, LiteralString

import httpx
import psycopg
from psycopg.rows import dict_row

Row = dict[str, Any]

_CORE_USERS = """
select u.id, u.firebase_uid as uid, u.role::text as role, u.email, u.phone, u.verified,
       p.id as patient_id
from users u left join patients p on p.user_id = u.id where u.firebase_uid is not null
"""
_CORE_DOCUMENTS = """
select d.id, u.firebase_uid as uid, d.type::text as type, d.file_url, d.text, d.structured_json,
       d.ocr_confidence
from documents d join patients p on p.id = d.patient_id join users u on u.id = p.user_id
"""
_CORE_MEDICATIONS = """
select document_id, name, strength, form, frequency, route, duration_days, reminders_enabled
from medications where document_id is not null
"""
_CORE_PRESCRIPTIONS = """
select p.id, u.firebase_uid as uid, p.pdf_url, p.summary_json
from prescriptions p join appointments a on a.id = p.appointment_id
join patients t on t.id = a.patient_id join users u on u.id = t.user_id
"""
_AUTH_USERS = """
select id::text, email, phone, raw_app_meta_data as app_metadata,
       raw_user_meta_data as user_metadata
from auth.users
"""
_DOCUMENTS = """
select id::text, patient_id as uid, type, file_url, text, structured_json, ocr_confidence, origin
from documents
"""
_PROFILES = """
select u.firebase_uid as uid, u.role::text as role, u.language, p.id as patient_id, p.name, p.dob,
       p.gender, p.allergies, p.chronic_conditions, p.emergency_contact, d.first_name, d.last_name,
       d.license_no, d.verified_status, r.review_reasons
from users u left join patients p on p.user_id = u.id left join doctors d on d.user_id = u.id
left join sync.profile_readings r on r.uid = u.firebase_uid where u.firebase_uid is not null
"""
_CHUNKS = """
select document_id::text, patient_id as uid, chunk_index, chunk_text, metadata,
       vector_dims(embedding) as dimensions
from rag_chunks order by document_id, chunk_index
"""


@dataclass(frozen=True)
class Stores:
    """A snapshot of all stores."""

    accounts: list[Row]
    users: list[Row]
    documents: list[Row]
    medications: list[Row]
    prescriptions: list[Row]
    auth_users: list[Row]
    uploads: list[Row]
    mirrors: list[Row]
    chunks: list[Row]
    profiles: dict[str, Row]
    doctor_profiles: dict[str, Row]
    profiled: list[Row]


def read(stack: Mapping[str, Any]) -> Stores:
    """Read all stores."""
    core, supabase = stack["core_dsn"], stack["supabase_dsn"]
    documents = _rows(supabase, _DOCUMENTS)
    return Stores(
        accounts=accounts(stack),
        users=_rows(core, _CORE_USERS),
        documents=_rows(core, _CORE_DOCUMENTS),
        medications=_rows(core, _CORE_MEDICATIONS),
        prescriptions=_rows(core, _CORE_PRESCRIPTIONS),
        auth_users=_rows(supabase, _AUTH_USERS),
        uploads=[d for d in documents if d["origin"] == "upload"],
        mirrors=[d for d in documents if d["origin"] == "core"],
        chunks=_rows(supabase, _CHUNKS),
        profiles=firestore(stack, "users"),
        doctor_profiles=firestore(stack, "doctors"),
        profiled=_rows(core, _PROFILES),
    )


def accounts(stack: Mapping[str, Any]) -> list[Row]:
    """Return all Firebase accounts, as the emulator's administrator sees them."""
    url = (
        f"http://{stack['auth_emulator']}/identitytoolkit.googleapis.com/v1"
        f"/projects/{stack['project_id']}/accounts:batchGet"
    )
    found: list[Row] = []
    token = ""
    while True:
        answer = httpx.get(
            url,
            params={"maxResults": 1000, "nextPageToken": token},
            headers={"Authorization": "Bearer owner"},
            timeout=30,
        )
        page = answer.raise_for_status().json()
        found += page.get("users", [])
        token = page.get("nextPageToken", "")
        if not token:
            return found


def firestore(stack: Mapping[str, Any], collection: str) -> dict[str, Row]:
    """Return a collection's documents by id, as the emulator's administrator sees them."""
    return {
        document["name"].rpartition("/")[2]: _value({"mapValue": document})
        for document in firestore_documents(stack, collection)
    }


def firestore_documents(stack: Mapping[str, Any], collection: str) -> list[Row]:
    """Return a collection's documents in the REST form."""
    url = (
        f"http://{stack['firestore_emulator']}/v1/projects/{stack['project_id']}"
        f"/databases/(default)/documents/{collection}"
    )
    found: list[Row] = []
    token = ""
    while True:
        answer = httpx.get(
            url,
            params={"pageSize": 300, "pageToken": token},
            headers={"Authorization": "Bearer owner"},
            timeout=30,
        )
        page = answer.raise_for_status().json()
        found += page.get("documents", [])
        token = page.get("nextPageToken", "")
        if not token:
            return found


def _value(given: Row) -> Any:
    ((kind, value),) = given.items()
    match kind:
        case "mapValue":
            return {name: _value(field) for name, field in value.get("fields", {}).items()}
        case "arrayValue":
            return [_value(item) for item in value.get("values", [])]
        case "integerValue":
            return int(value)
        case _:
            return value


def _rows(dsn: str, query: LiteralString) -> list[Row]:
    with psycopg.Connection[Row].connect(dsn, row_factory=dict_row) as connection:
        return connection.execute(query).fetchall()
