"""Core's side of every projection, in memory: what core's functions sync.projection_* say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import partial
from typing import Any

from shared.people import contacts
from shared.repair.projections import Row, canonical_row
from tests.memory.core import MemoryCore, medication_said
from tests.memory.digests import MemoryDigests, View, canonical_json, stamp

Rows = Iterator[tuple[str, Row]]

_FOUND_IN_CORE = {"phone_differs", "email_differs"}
_PROFILE = (
    "name", "dob", "gender", "allergies", "chronic_conditions", "emergency_contact", "language",
)  # fmt: skip


def core_digests(core: MemoryCore) -> MemoryDigests:
    """Return core's projections, digested."""
    views: Mapping[str, View] = {
        "users": partial(_users, core),
        "auth_users": partial(_auth_users, core),
        "documents": partial(_documents, core),
        "prescriptions": partial(_prescriptions, core),
        "appointments": partial(_appointments, core),
        "profiles": partial(_profiles, core),
        "doctors": partial(_doctors, core),
    }
    return MemoryDigests(core, core.outbox, "core_digests", views)


def _users(core: MemoryCore) -> Rows:
    for user in core.user_rows.values():
        uid = user["firebase_uid"]
        if uid is not None:
            whole = user["role"] != "PATIENT" or user["id"] in core.patient_rows
            contact = [user["email"] or None, user["phone"] or None]
            yield uid, canonical_row(uid, uid, [*contact, user["verified"], True, whole])


def _auth_users(core: MemoryCore) -> Rows:
    for user in core.user_rows.values():
        uid, email, phone = user["firebase_uid"], user["email"], contacts.phone(user["phone"])
        if uid is not None and (contacts.email(email) or phone):
            known = [uid, user["id"], user["role"]]
            contact = [contacts.email(email), contacts.supabase_phone(phone)]
            fields = [*known[1:], *contact, *known, core.person_name(user["id"])]
            yield uid, canonical_row(uid, uid, fields)


def _documents(core: MemoryCore) -> Rows:
    owners = {row["id"]: core.user_rows[user] for user, row in core.patient_rows.items()}
    for key, row in core.document_rows.items():
        read = {k: r["said"] for k, r in core.reading_rows.items() if r["document_id"] == key}
        medicines = {k: r for k, r in core.medication_rows.items() if r["document_id"] == key}
        agree = {k: medication_said(r) for k, r in medicines.items()} == read and all(
            r["patient_id"] == row["patient_id"] for r in medicines.values()
        )
        fields = [
            owners[row["patient_id"]]["firebase_uid"], row["type"], row["file_url"], row["text"],
            canonical_json(row["structured_json"]), row["ocr_confidence"],
            stamp(datetime.fromisoformat(row["created_at"])),
            core.source_version("document", key, "store_document"), agree,
        ]  # fmt: skip
        yield key, canonical_row(key, key, fields)


def _prescriptions(core: MemoryCore) -> Rows:
    for key, row in core.prescription_rows.items():
        uid = core.user_rows[row["user_id"]]["firebase_uid"]
        if uid is not None:
            version = str(core.outbox.version("prescription", key))
            mirrored = core.ledger_rows.get(("prescription", key, "mirror_prescription"))
            digest = mirrored.digest if mirrored else None
            summary = canonical_json(row["summary"]) or "{}"
            yield key, canonical_row(key, version, [uid, summary, True, digest])


def _appointments(core: MemoryCore) -> Rows:
    erased = {row["user_id"] for row in core.erasure_rows.values() if row["state"] != "held"}
    for key, row in core.appointment_rows.items():
        if row["user_id"] in erased:
            continue
        uid = core.user_rows[row["user_id"]]["firebase_uid"]
        fields = [
            row["doctor_id"], core.patient_rows[row["user_id"]]["id"], row["clinic_id"],
            stamp(row["start"]), stamp(row["end"]), row["status"], row["visit_type"],
            row["address"], stamp(row["checked_in_at"]), stamp(row["created_at"]),
        ]  # fmt: skip
        reader = core.doctor_uids.get(row["doctor_id"])
        copies = [(f"doctors/{row['doctor_id']}", reader)]
        copies += [(f"users/{uid}", None)] if uid is not None else []
        for place, reads in copies:
            yield key, canonical_row(key, f"{place}/appointments/{key}", [*fields, reads])


def _profiles(core: MemoryCore) -> Rows:
    for uid, reading in core.profile_reading_rows.items():
        user = core.user_by_uid(uid)
        if not user or user["role"] != "PATIENT":
            continue
        if "profile_deleted" in reading["review_reasons"] and not reading["held"]:
            continue
        known: dict[str, Any] = dict(core.patient_rows.get(user["id"], {}))
        known["language"] = core.languages.get(user["id"])
        known["dob"] = known["dob"].isoformat() if known.get("dob") else None
        given = [known.get(n) if n in reading["held"] else None for n in _PROFILE]
        reasons = [r for r in reading["review_reasons"] if r not in _FOUND_IN_CORE]
        consents = [reading["consent_data_use"], reading["consent_notifications"]]
        yield uid, canonical_row(uid, uid, [*given, *consents, reasons])


def _doctors(core: MemoryCore) -> Rows:
    for (kind, uid, step), row in core.ledger_rows.items():
        user = core.user_by_uid(uid)
        doctor = core.doctor_rows.get(user["id"]) if user else None
        if (kind, step, row.state) == ("user", "store_doctor", "done") and doctor is not None:
            yield uid, canonical_row(uid, uid, [doctor["first_name"], doctor["last_name"]])
