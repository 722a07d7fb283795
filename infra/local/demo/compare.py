"""
Compare the stores field by field, without the sync's own code: this is its examination.

Every disagreement is a line "<entity>: <field>", with ids but without values.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

from infra.local.demo import profiles
from infra.local.demo.compare_search import files, upload_chunks
from infra.local.demo.stores import Row, Stores

_SAME = ("file_url", "text", "ocr_confidence", "uid")


def disagreements(stores: Stores) -> list[str]:
    """Return what the stores disagree on; nothing when they agree."""
    return [
        *_users(stores),
        *_profiles(stores),
        *_documents(stores),
        *_prescriptions(stores),
        *upload_chunks(stores),
        *files(stores),
    ]


def _users(stores: Stores) -> Iterator[str]:
    users = {row["uid"]: row for row in stores.users}
    auth = {row["app_metadata"].get("firebase_uid"): row for row in stores.auth_users}
    for account in stores.accounts:
        uid = account["localId"]
        user, mirror = users.pop(uid, None), auth.pop(uid, None)
        email = (account.get("email") or "").lower() or None
        phone = account.get("phoneNumber")
        if user is None:
            yield f"user {uid}: not in core"
            continue
        wanted = {"email": email, "phone": phone, "verified": account.get("emailVerified", False)}
        yield from _fields(f"core user {uid}", wanted, user)
        if user["role"] == "PATIENT" and user["patient_id"] is None:
            yield f"user {uid}: no patient row"
        claims = json.loads(account.get("customAttributes") or "{}")
        if claims.get("role") != "authenticated":
            yield f"user {uid}: claim role"
        if email or phone:
            yield from _mirror(uid, user, mirror, email, phone)
    yield from (f"user {uid}: in core only" for uid in users)
    yield from (f"user {uid}: in Supabase only" for uid in auth)


def _mirror(
    uid: str, user: Row, mirror: Row | None, email: str | None, phone: str | None
) -> Iterator[str]:
    if mirror is None:
        yield f"user {uid}: not in Supabase"
        return
    wanted: Row = {"email": email, "phone": phone.removeprefix("+") if phone else None}
    yield from _fields(f"Supabase user {uid}", wanted, mirror)
    ids = {"firebase_uid": uid, "postgres_id": user["id"], "role": user["role"]}
    yield from _fields(f"app_metadata of {uid}", ids, mirror["app_metadata"])
    yield from _fields(f"user_metadata of {uid}", ids, mirror["user_metadata"])


def _profiles(stores: Stores) -> Iterator[str]:
    names = {u["app_metadata"].get("firebase_uid"): u["user_metadata"].get("name")
             for u in stores.auth_users}  # fmt: skip
    return profiles.disagreements(stores.profiles, stores.doctor_profiles, stores.profiled, names)


def _documents(stores: Stores) -> Iterator[str]:
    documents = {row["id"]: row for row in stores.documents}
    medications: dict[str, list[Row]] = {}
    for row in stores.medications:
        medications.setdefault(row["document_id"], []).append(row)
    for upload in stores.uploads:
        stored = documents.pop(upload["id"], None)
        if stored is None:
            yield f"document {upload['id']}: not in core"
            continue
        yield from _fields(f"document {upload['id']}", {k: upload[k] for k in _SAME}, stored)
        structured = as_object(upload["structured_json"])
        if stored["structured_json"] != structured:
            yield f"document {upload['id']}: structured_json"
        if stored["type"].lower() != upload["type"].lower():
            yield f"document {upload['id']}: type"
        wanted, found = expected(structured), medications.get(upload["id"], [])
        if wanted != Counter(_identity(row) for row in found):
            yield f"document {upload['id']}: medications"
    yield from (f"document {key}: in core only" for key in documents)


def as_object(structured: object) -> Any:
    """Return structured_json as an object, whichever way it was stored."""
    return json.loads(structured) if isinstance(structured, str) else structured


def expected(structured: Any) -> Counter[tuple[Any, ...]]:
    """Return the medications a document should have in core; equal lines count once."""
    listed: list[Row] = (structured or {}).get("medications", [])
    rows = {
        (
            m["name"], m.get("strength"), m.get("form", "tablet"),
            m.get("frequency", m.get("freq")), m.get("route", "oral"), _days(m),
        )
        for m in listed
    }  # fmt: skip
    return Counter(rows)


def _days(medication: Row) -> int:
    if "duration" in medication:
        return int(medication["duration"].split(" ")[0].split("/")[0])
    return int(medication.get("duration_days", medication.get("durationDays", 30)))


def _identity(row: Row) -> tuple[Any, ...]:
    return tuple(
        row[k] for k in ("name", "strength", "form", "frequency", "route", "duration_days")
    )


def _prescriptions(stores: Stores) -> Iterator[str]:
    mirrors = {mirror["id"]: mirror for mirror in stores.mirrors}
    chunks: dict[str, list[Row]] = {}
    for chunk in stores.chunks:
        chunks.setdefault(chunk["document_id"], []).append(chunk)
    for source in stores.prescriptions:
        found = mirrors.pop(source["mirror_id"], None)
        if found is None:
            yield f"prescription {source['id']}: no mirror"
            continue
        revoked = source["summary_json"].get("status") == "revoked"
        wanted = {"uid": source["uid"], "type": "prescription", "ocr_confidence": 1.0,
                  "structured_json": source["summary_json"], "revoked": revoked}  # fmt: skip
        yield from _fields(f"mirror of {source['id']}", wanted, found)
        indexed = chunks.pop(found["id"], [])
        if revoked:
            yield from (f"prescription {source['id']}: revoked, still searchable" for _ in indexed)
            continue
        if [c["chunk_index"] for c in indexed] != list(range(len(indexed))) or not indexed:
            yield f"prescription {source['id']}: chunks"
        if any(c["dimensions"] != 1536 or c["uid"] != source["uid"] for c in indexed):
            yield f"prescription {source['id']}: chunk embedding or owner"
        names = [m["name"] for m in source["summary_json"].get("medications", [])]
        if not all(any(name in c["chunk_text"] for c in indexed) for name in names):
            yield f"prescription {source['id']}: medicines not searchable"
    yield from (f"mirror {key}: in Supabase only" for key in mirrors)


def _fields(entity: str, wanted: Row, found: Row) -> Iterator[str]:
    yield from (f"{entity}: {name}" for name, value in wanted.items() if found.get(name) != value)
