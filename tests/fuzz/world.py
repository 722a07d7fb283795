"""The deployment in memory that inputs are thrown at, and what must hold of it afterwards."""

from __future__ import annotations

import json
from typing import Any, cast
from uuid import UUID

from shared import catalog, clients
from shared.events import Event, Ref, new_traceparent
from tests.fuzz.findings import Breach
from tests.memory.clients import MemoryClients

UID = "u1"
DOCUMENT = str(UUID(int=7))


def fresh() -> MemoryClients:
    """Return a deployment with one patient, and make it the process's own."""
    to = MemoryClients(max_attempts=2)
    to.bus.patient = True
    to.memory_core.put_user("id1", firebase_uid=UID)
    to.memory_core.put_patient("id1", "p1")
    to.firebase.sign_up(UID, email="fuzz@example.com")
    clients._current = to
    return to


def send(to: MemoryClients, topic: str, *refs: Ref) -> None:
    """Publish refs and deliver until all is quiet; a fault of ours is a breach."""
    to.publish([Event(topic, refs, new_traceparent())])
    to.run()
    check(to)


def check(to: MemoryClients) -> None:
    """Raise Breach for a 5xx that is our own, a ref that cannot travel, or half an aggregate."""
    ours = [(step, code) for step, code in to.bus.refusals if code.startswith("unknown_")]
    for (_, _, step), row in to.memory_core.ledger_rows.items():
        if row.error_code and row.error_code.startswith("unknown_"):
            ours.append((step, row.error_code))
    if ours:
        raise Breach("server_error", f"{ours[0][0]} {ours[0][1]}")
    core = to.memory_core
    for row in core.medication_rows.values():
        if row["document_id"] not in core.document_rows:
            raise Breach("half_written", "medications without their document")
    for document, _ in to.memory_supabase.chunk_rows:
        if document not in to.memory_supabase.document_rows:
            raise Breach("half_written", "chunks without their document")
    for rows in (core.document_rows, core.medication_rows, core.patient_rows, core.doctor_rows):
        for row in rows.values():
            storable(row)


def storable(value: Any) -> None:
    """Raise Breach for text that a database cannot hold: it would be parked, or never end."""
    text = json.dumps(value, default=str)
    if "\\u0000" in text or _lone(text):
        raise Breach("half_written", "text that PostgreSQL cannot hold")


def _lone(text: str) -> bool:
    if "\\ud" not in text:
        return False
    try:
        json.dumps(json.loads(text), ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    return False


def parsed(data: bytes) -> Any:
    """Return an input as the value it spells, or as text; without what a source cannot hold."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        value = data.decode(errors="replace")
    return _held(value)


def _held(value: Any) -> Any:
    """Leave out NUL and lone surrogates: neither jsonb nor Firestore holds them."""
    if isinstance(value, str):
        return value.replace("\0", "").encode(errors="replace").decode()
    if isinstance(value, list):
        return [_held(item) for item in cast("list[Any]", value)]
    if isinstance(value, dict):
        return {_held(key): _held(item) for key, item in cast("dict[str, Any]", value).items()}
    return value


def steps() -> list[catalog.Function]:
    """Return the steps of the catalog."""
    return catalog.load().steps()


def fields_of(data: bytes) -> dict[str, Any]:
    """Return input as fields of one JSON object; what is none is its `body`."""
    value = parsed(data)
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {"body": value}
