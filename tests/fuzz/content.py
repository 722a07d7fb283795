"""Content of any bytes: it is stored whole, parked with a reason, or waited for."""

from __future__ import annotations

from typing import Any

from shared.errors import PermanentError
from shared.events import Ref
from shared.papers.pdf_urls import locate
from tests.fuzz import world
from tests.fuzz.findings import Breach


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, (int, float)) and abs(value) <= 1e30 else None


def document(data: bytes) -> None:
    """An upload: whatever the edge function made of a scan."""
    to = world.fresh()
    fields = world.fields_of(data)
    text, kind, path = (fields.get(name) for name in ("text", "type", "file_url"))
    row = {
        "id": world.DOCUMENT,
        "patient_id": world.UID,
        "type": str(kind) if kind is not None else "LAB",
        "text": str(text) if text is not None else None,
        "file_url": str(path) if path is not None else None,
        "structured_json": fields.get("structured_json", fields.get("body", fields)),
        "ocr_confidence": _number(fields.get("ocr_confidence")),
    }
    to.memory_supabase.upload(row)
    world.send(to, "document-changed", Ref("document", world.DOCUMENT))
    states = {step: row.state for (_, _, step), row in to.memory_core.ledger_rows.items()}
    stored = world.DOCUMENT in to.memory_core.document_rows
    if stored is not (states["store_document"] in ("done", "conflict")):
        raise Breach("half_written", f"store_document is {states['store_document']}")


def profile(data: bytes) -> None:
    """A profile as an app may write it."""
    to = world.fresh()
    to.firebase.write_profile(world.UID, **_named(world.fields_of(data)))
    world.send(to, "profile-changed", Ref("user", world.UID))


def doctor(data: bytes) -> None:
    """A doctor's profile."""
    to = world.fresh()
    to.firebase.write_profile(world.UID, "doctors", **_named(world.fields_of(data)))
    world.send(to, "doctor-changed", Ref("user", world.UID))


def _named(fields: dict[str, Any]) -> dict[str, Any]:
    taken = {"uid", "collection", "self"}
    return {name: value for name, value in fields.items() if name not in taken}


def prescription(data: bytes) -> None:
    """A prescription: the summary as the doctor's app wrote it, and any PDF address."""
    to = world.fresh()
    fields = world.fields_of(data)
    url = fields.get("pdf_url")
    columns = {"summary": fields.get("summary", fields), "doctor": str(fields.get("doctor", "D"))}
    pdf = {} if url is None else {"pdf_url": str(url)}
    to.memory_core.put_prescription("rx1", "id1", **columns, **pdf)
    world.send(to, "prescription-changed", Ref("prescription", "rx1"))


def pdf_url(data: bytes) -> None:
    """An address of a PDF leads to a listed bucket or host, or nowhere."""
    text = data.decode(errors="replace")
    try:
        place: Any = locate(text, buckets={"b"}, hosts={"files.example.com"})
    except PermanentError:
        return
    if getattr(place, "bucket", "b") != "b" or getattr(place, "host", "files.example.com") != (
        "files.example.com"
    ):
        raise Breach("admitted", "an address that is not on the list")
