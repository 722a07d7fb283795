"""Everything the three stores hold, read for comparison by their owners' own ways in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID, uuid5

import httpx
import psycopg
from psycopg.rows import dict_row

from infra.local import buckets

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
# What the policy keeps of an erased patient is nobody's, and is to be found nowhere else.
_CORE_PRESCRIPTIONS = """
select p.id, u.firebase_uid as uid, p.pdf_url, p.summary_json
from prescriptions p join appointments a on a.id = p.appointment_id
join patients t on t.id = a.patient_id join users u on u.id = t.user_id
where coalesce(u.firebase_uid, u.phone, u.email) is not null
"""
_APPOINTMENTS = """
select a.id, u.firebase_uid as uid, a.doctor_id, a.patient_id, a.clinic_id,
       a.status::text as status, a.start_ts at time zone 'utc' as start_ts,
       a.end_ts at time zone 'utc' as end_ts,
       a.visit_type::text as visit_type, a.address,
       a.checked_in_at at time zone 'utc' as checked_in_at,
       a.created_at at time zone 'utc' as created_at, o.version
from appointments a join patients p on p.id = a.patient_id join users u on u.id = p.user_id
join sync.outbox o on o.kind = 'appointment' and o.key = a.id
where coalesce(u.firebase_uid, u.phone, u.email) is not null
"""
_NOTIFICATIONS = """
select n.id, u.firebase_uid as uid, n.type, n.status, n.metadata
from notifications n join users u on u.id = n.user_id
"""
_AUTH_USERS = """
select id::text, email, phone, raw_app_meta_data as app_metadata,
       raw_user_meta_data as user_metadata
from auth.users
"""
_DOCUMENTS = """
select id::text, patient_id as uid, type, file_url, text, structured_json, ocr_confidence, origin,
       revoked_at is not null as revoked
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
select document_id::text, patient_id as uid, chunk_index, chunk_text, metadata, content_hash,
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
    appointments: list[Row]
    notifications: list[Row]
    profiles: dict[str, Row]  # by uid
    shown_appointments: dict[str, Row]  # these two by path
    inbox: dict[str, Row]
    shown_pushes: dict[str, dict[str, Row]]  # by token and tag
    auth_users: list[Row]
    uploads: list[Row]
    mirrors: list[Row]
    chunks: list[Row]
    doctor_profiles: dict[str, Row]  # by uid
    profiled: list[Row]
    pdfs: dict[str, bytes]  # in the backend's S3, by URL
    files: dict[str, bytes]  # in Supabase Storage, by path


def read(stack: Mapping[str, Any]) -> Stores:
    """Read all stores."""
    core, supabase = stack["core_dsn"], stack["supabase_dsn"]
    documents = _rows(supabase, _DOCUMENTS)
    prescriptions = _rows(core, _CORE_PRESCRIPTIONS)
    for row in prescriptions:
        row["mirror_id"] = str(uuid5(UUID(stack["id_namespace"]), f"prescription/{row['id']}"))
    return Stores(
        accounts=accounts(stack),
        users=_rows(core, _CORE_USERS),
        documents=_rows(core, _CORE_DOCUMENTS),
        medications=_rows(core, _CORE_MEDICATIONS),
        appointments=_rows(core, _APPOINTMENTS),
        notifications=_rows(core, _NOTIFICATIONS),
        profiles={
            path.split("/")[1]: fields for path, fields in documents_in(stack, "users").items()
        },
        shown_appointments=documents_in(stack, "appointments"),
        inbox=documents_in(stack, "inbox"),
        shown_pushes=httpx.get(f"{stack['fcm_url']}/__shown").raise_for_status().json(),
        prescriptions=prescriptions,
        auth_users=_rows(supabase, _AUTH_USERS),
        uploads=[d for d in documents if d["origin"] == "upload"],
        mirrors=[d for d in documents if d["origin"] == "core"],
        chunks=_rows(supabase, _CHUNKS),
        doctor_profiles={
            path.rpartition("/")[2]: fields
            for path, fields in documents_in(stack, "doctors").items()
            if "firstName" in fields  # the sync's own say who may read a doctor's appointments
        },
        profiled=_rows(core, _PROFILES),
        pdfs=_objects(stack["aws_s3_url"], stack["pdf_bucket"], "s3://"),
        files=_objects(stack["storage_s3_url"], stack["documents_bucket"], ""),
    )


def _objects(url: str, bucket: str, prefix: str) -> dict[str, bytes]:
    """Return all objects of a bucket, by prefix + bucket/key."""
    s3 = buckets.connect(url)
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    keys = [item["Key"] for page in pages for item in page.get("Contents", [])]
    return {
        f"{prefix}{bucket}/{key}": s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        for key in keys
    }


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


def documents_in(stack: Mapping[str, Any], collection: str) -> dict[str, Row]:
    """Return the documents of all collections of a name, by path, as the administrator."""
    root = f"projects/{stack['project_id']}/databases/(default)/documents"
    query = {"from": [{"collectionId": collection, "allDescendants": True}]}
    answer = httpx.post(
        f"http://{stack['firestore_emulator']}/v1/{root}:runQuery",
        json={"structuredQuery": query},
        headers={"Authorization": "Bearer owner"},
        timeout=30,
    )
    found = [row["document"] for row in answer.raise_for_status().json() if "document" in row]
    return {
        document["name"].removeprefix(f"{root}/"): {
            name: plain(value) for name, value in document.get("fields", {}).items()
        }
        for document in found
    }


def plain(value: Mapping[str, Any]) -> Any:
    """Return a value from Firestore's REST form."""
    kind, given = next(iter(value.items()))
    match kind:
        case "integerValue":
            return int(given)
        case "timestampValue":
            return datetime.fromisoformat(given)
        case "arrayValue":
            return [plain(item) for item in given.get("values", [])]
        case "mapValue":
            return {name: plain(item) for name, item in given.get("fields", {}).items()}
        case _:
            return given


def _rows(dsn: str, query: LiteralString) -> list[Row]:
    with psycopg.Connection[Row].connect(dsn, row_factory=dict_row) as connection:
        return connection.execute(query).fetchall()
