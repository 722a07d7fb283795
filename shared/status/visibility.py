"""
Is my change visible where it is to be seen, and as of which version? An app asks after an upload.

document      visible to the doctor when core has its version, searchable when its chunks are made
prescription  visible to the patient when Supabase has its version, searchable likewise
appointment   visible when Firestore has its version
user          visible when the chain has ended: the patient is admitted everywhere

The version asked for is the source's own; without one, the source's current version.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from shared.stores.core_lineage import CoreLineage
from shared.stores.supabase_status import SupabaseStatus

if TYPE_CHECKING:
    from shared.clients import Clients

VISIBLE_AT = {
    "document": "store_document",
    "prescription": "mirror_prescription",
    "appointment": "show_appointment",
    "user": "admit_user",
}
SEARCHABLE_AT = {"document": "index_document", "prescription": "index_prescription"}
_FORWARDED = {"done", "conflict"}
_SOON_S = 1.0
_LATER_S = 30.0


@dataclass(frozen=True, slots=True)
class Visibility:
    """
    state     visible, under_way, stuck (a person must act), gone (deleted), or unknown
    version   what was asked for; `visible_version` is the newest that can be seen, None for none
    retry_after_s  when it is worth asking again; None when asking again changes nothing
    """

    kind: str
    key: str
    owner: str | None
    state: str
    visible: bool
    searchable: bool | None
    version: int | None
    visible_version: int | None
    code: str | None
    retry_after_s: float | None


def visibility(to: Clients, kind: str, key: str, version: int | None = None) -> Visibility:
    """
    Return how far a change has come: one query of core, and for documents one of Supabase.

    Raise ValueError for a kind that is none of VISIBLE_AT.
    """
    if kind not in VISIBLE_AT:
        raise ValueError(f"`kind` must be one of {', '.join(VISIBLE_AT)}")
    found = CoreLineage(to.core).entity(kind, key)
    owner, wanted, deleted = found["owner"], version, False
    if kind == "document":
        upload = SupabaseStatus(to.supabase).document(key)
        deleted = upload is None and bool(found["steps"])
        if upload is not None:
            owner, wanted = upload.patient_id, wanted or upload.version
    elif found["outbox"] is not None and kind != "user":
        deleted, wanted = found["outbox"]["deleted"], wanted or found["outbox"]["version"]
    steps = {row["step"]: row for row in found["steps"]}
    at = steps.get(VISIBLE_AT[kind])
    awaited = {row["step"] for row in found["awaited"]}
    visible = _reached(at, wanted) and (kind != "user" or not awaited)
    state = _state(visible, deleted, at, known=bool(owner or steps or found["outbox"]))
    return Visibility(
        kind=kind,
        key=key,
        owner=owner,
        state=state,
        visible=visible and not deleted,
        searchable=_searchable(kind, steps, awaited, wanted) if not deleted else False,
        version=wanted,
        visible_version=at["version"] if at and at["state"] in _FORWARDED else None,
        code=at["code"] if at and state in {"stuck", "under_way"} else None,
        retry_after_s={"under_way": _SOON_S, "stuck": _LATER_S}.get(state),
    )


def _reached(at: Mapping[str, Any] | None, wanted: int | None) -> bool:
    return bool(at) and at["state"] in _FORWARDED and at["version"] >= (wanted or 0)


def _searchable(
    kind: str, steps: Mapping[str, Any], awaited: set[str], wanted: int | None
) -> bool | None:
    """Tell whether search finds it; None for what is never searched for."""
    if kind not in SEARCHABLE_AT:
        return None
    here, before = steps.get(SEARCHABLE_AT[kind]), steps.get(VISIBLE_AT[kind])
    if SEARCHABLE_AT[kind] in awaited or not _reached(before, wanted) or here is None:
        return False
    return here["state"] in _FORWARDED


def _state(visible: bool, deleted: bool, at: Mapping[str, Any] | None, *, known: bool) -> str:
    if deleted:
        return "gone"
    if visible:
        return "visible"
    if at is not None and at["state"] == "parked":
        return "stuck"
    if at is not None and at["state"] == "gone":
        return "gone"
    return "under_way" if known else "unknown"
