"""
Where a thing came from and what became of it: from a search chunk, a medication or a notification
back to its source, through every step, attempt, function version and time, and forward again.

One query of core per entity; one of Supabase where chunks are concerned. Ids, versions and codes
only, never content.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from shared import catalog, ids, settings
from shared.stores.core_lineage import CoreLineage, Entry
from shared.stores.supabase_status import ChunkRow, DocumentStanding, SupabaseStatus

if TYPE_CHECKING:
    from shared.clients import Clients

ENTITIES = ("user", "document", "prescription", "appointment")
DERIVED = ("chunk", "medication", "notification", "mirror")
_TRACE_ID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Made:
    """What an entity became: in which place, what it is there, its id, when it is known."""

    place: str  # core, supabase, firestore
    what: str
    id: str
    detail: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Lineage:
    """
    An entity at its source and all that followed. `asked` is what was asked for. `journal` has each
    attempt of each step in order; `steps` how each step stands now, `awaited` which are still to
    come, `made` what there is of it in the stores.
    """

    asked: tuple[str, str]
    kind: str
    key: str
    chain: tuple[str, ...]
    outbox: dict[str, Any] | None
    steps: tuple[dict[str, Any], ...]
    awaited: tuple[dict[str, Any], ...]
    journal: tuple[dict[str, Any], ...]
    made: tuple[Made, ...]


@dataclass(frozen=True, slots=True)
class Trace:
    """All that happened under one trace, and what its entities still wait for."""

    trace_id: str
    state: str  # unknown, under_way, done, stuck
    entries: tuple[Entry, ...]


def lineage(to: Clients, what: str, key: str) -> Lineage | None:
    """
    Return the lineage of an entity (ENTITIES) or of a thing made from one (DERIVED); nothing for
    one that is not known. Raise ValueError for another `what`.
    """
    if what not in (*ENTITIES, *DERIVED):
        raise ValueError(f"`what` must be one of {', '.join((*ENTITIES, *DERIVED))}")
    source = (what, key) if what in ENTITIES else _source(to, what, key)
    if source is None:
        return None
    kind, name = source
    found = CoreLineage(to.core).entity(kind, name)
    upload = SupabaseStatus(to.supabase).document(name) if kind == "document" else None
    if not (found["journal"] or found["outbox"] or found["user_id"] or upload):
        return None
    return Lineage(
        asked=(what, key),
        kind=kind,
        key=name,
        chain=catalog.load().chain_of(kind),
        outbox=found["outbox"],
        steps=tuple(found["steps"]),
        awaited=tuple(found["awaited"]),
        journal=tuple(found["journal"]),
        made=tuple(_made(to, kind, name, found, upload)),
    )


def trace(to: Clients, trace_id: str) -> Trace:
    """Return what happened under a trace; its state is `unknown` when nothing is on record."""
    lower = trace_id.lower()
    entries = CoreLineage(to.core).trace(lower) if _TRACE_ID.fullmatch(lower) else []
    last = {(entry.kind, entry.key, entry.step): entry.state for entry in entries}
    states = set(last.values())
    if not entries:
        state = "unknown"
    elif "parked" in states:
        state = "stuck"
    elif "retrying" in states or not _ended(last):
        state = "under_way"
    else:
        state = "done"
    return Trace(lower, state, tuple(entries))


def _ended(last: dict[tuple[str, str, str], str]) -> bool:
    """Tell whether every successor of what was forwarded has recorded the entity too."""
    edges = catalog.load().edges()
    return all(
        (kind, key, edge["step"]) in last
        for (kind, key, step), state in last.items()
        if state in {"done", "conflict", "announced"}
        for edge in edges
        if edge["origin"] == step and edge["kind"] in {"", kind}
    )


def _source(to: Clients, what: str, key: str) -> tuple[str, str] | None:
    """Return the entity that a thing was made from."""
    if what in {"medication", "notification"}:
        return CoreLineage(to.core).source_of(what, key)
    supabase = SupabaseStatus(to.supabase)
    if what == "chunk":
        chunks = supabase.chunks(chunk=key)
        if not chunks:
            return None
        key = chunks[0].document_id
    document = supabase.document(key)
    return None if document is None else _source_of_document(to, document)


def _source_of_document(to: Clients, document: DocumentStanding) -> tuple[str, str] | None:
    """A mirror's id is derived with a secret: found among those of its patient's prescriptions."""
    if document.origin != "core":
        return "document", document.id
    namespace = settings.id_namespace()
    for prescription in CoreLineage(to.core).prescriptions_of(document.patient_id):
        if ids.prescription_document_id(namespace, prescription) == document.id:
            return "prescription", prescription
    return None


def _made(
    to: Clients, kind: str, key: str, found: dict[str, Any], upload: DocumentStanding | None
) -> list[Made]:
    namespace = settings.id_namespace()
    made: list[Made] = []
    done = {row["step"] for row in found["steps"] if row["state"] in {"done", "conflict"}}
    if kind == "user":
        made += [Made("core", "user", found["user_id"], {})] if found["user_id"] else []
        if "mirror_user" in done:
            made.append(Made("supabase", "auth_user", ids.user_id(namespace, key), {}))
    if kind == "document" and "store_document" in done:
        made.append(Made("core", "document", key, {}))
    made += [Made("core", "medication", medication, {}) for medication in found["medications"]]
    if kind == "prescription":
        made += _mirror(to, ids.prescription_document_id(namespace, key))
        made += [Made("supabase", "pdf", key, {})] if found["pdfs"] else []
    if upload is not None:
        made.append(Made("supabase", "document", key, {"version": upload.version}))
        made += _chunks(SupabaseStatus(to.supabase).chunks(document=key))
    if kind == "appointment" and "show_appointment" in done:
        made.append(Made("firestore", "appointment", key, {}))
    for notice in found["notifications"]:
        number = ids.notification_id(namespace, kind, key, notice["version"])
        made.append(Made("core", "notification", number, notice))
    return made


def _mirror(to: Clients, document_id: str) -> list[Made]:
    supabase = SupabaseStatus(to.supabase)
    mirror = supabase.document(document_id)
    if mirror is None:
        return []
    detail = {"version": mirror.source_version, "revoked": mirror.revoked}
    return [
        Made("supabase", "mirror", document_id, detail),
        *_chunks(supabase.chunks(document=document_id)),
    ]


def _chunks(chunks: list[ChunkRow]) -> list[Made]:
    return [
        Made("supabase", "chunk", c.id, {"index": c.chunk_index, "model": c.embedding_model})
        for c in chunks
    ]
