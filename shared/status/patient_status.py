"""
One patient's standing in the three stores, in the product's shape: `postgres_user`,
`firebase_profile`, `supabase_documents`, `sync_logs`. Ids, times and
codes; no content, whoever asks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from shared.status.remedies import remedy
from shared.status.visibility import SEARCHABLE_AT, VISIBLE_AT
from shared.stores.core_lineage import CoreLineage
from shared.stores.supabase_status import SupabaseStatus

if TYPE_CHECKING:
    from shared.clients import Clients

_LOGS = 200


@dataclass(frozen=True, slots=True)
class PatientStatus:
    """
    postgres_user       id, role, verified, which contacts there are, the patient row's id; or None
    firebase_profile    the version that core has, which fields came from it, what is to be reviewed
    supabase_documents  id, origin, version, whether core has it, how many search chunks
    sync_logs           what the steps did to any of the patient's entities, newest first
    stuck               what is not done, with what a person must do
    """

    uid: str
    postgres_user: dict[str, Any] | None
    firebase_profile: dict[str, Any] | None
    supabase_documents: tuple[dict[str, Any], ...]
    sync_logs: tuple[dict[str, Any], ...]
    stuck: tuple[dict[str, Any], ...]


def patient_status(to: Clients, any_id: str, *, logs: int = _LOGS) -> PatientStatus | None:
    """
    Return a patient's standing by Firebase uid, core user id or core patient id; nothing when no
    store and no ledger row knows the patient. Two queries of core, one of Supabase.
    """
    core = CoreLineage(to.core)
    user = core.patient(any_id)
    uid = (user["uid"] if user else None) or any_id
    documents = SupabaseStatus(to.supabase).documents_of(uid)
    found = core.history(uid, [d.id for d in documents if d.origin == "upload"], logs)
    if user is None and not documents and not found["journal"]:
        return None
    stored = {
        (row["key"], row["step"]): row for row in found["ledger"] if row["kind"] == "document"
    }
    return PatientStatus(
        uid=uid,
        postgres_user=_user(user) if user else None,
        firebase_profile=_profile(user) if user and user["profile_version"] else None,
        supabase_documents=tuple(
            {
                "id": d.id,
                "origin": d.origin,
                "created_at": d.created_at,
                "version": d.version,
                "revoked": d.revoked,
                "chunks": d.chunks,
                "in_core": _in_core(stored.get((d.id, VISIBLE_AT["document"])), d.version)
                if d.origin == "upload"
                else None,
                "indexed": (stored.get((d.id, SEARCHABLE_AT["document"])) or {}).get("state"),
            }
            for d in documents
        ),
        sync_logs=tuple(found["journal"]),
        stuck=tuple(
            row | {"remedy": remedy(row["code"])}
            for row in found["ledger"]
            if row["state"] in {"retrying", "parked", "conflict"}
        ),
    )


def _user(row: dict[str, Any]) -> dict[str, Any]:
    names = ("id", "role", "verified", "patient_id", "has_email", "has_phone", "created_at")
    return {name: row[name] for name in names}


def _profile(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "version": row["profile_version"],
        "fields": row["held"],
        "review_reasons": row["review_reasons"],
    }


def _in_core(row: dict[str, Any] | None, version: int) -> bool:
    return bool(row) and row["state"] in {"done", "conflict"} and row["version"] >= version
