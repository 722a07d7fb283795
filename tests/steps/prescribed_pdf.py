"""A prescription with a PDF in memory, and what the steps made of it."""

from __future__ import annotations

from typing import Any

from shared import settings
from shared.events import Event, Ref, new_traceparent
from shared.ids import prescription_document_id
from tests.memory.clients import MemoryClients
from tests.memory.core_ledger import LedgerRow
from tests.memory.files import BUCKET

URL = f"s3://{BUCKET}/rx1.pdf"
PATH = "documents/u1/prescriptions/rx1.pdf"
PDF = b"%PDF-1.4 made up"
STEP = "copy_prescription_pdf"
SUMMARY = {"diagnosis": "observation", "medications": [{"name": "Demoxil"}]}


def bring_prescription(to: MemoryClients) -> None:
    to.memory_core.put_user("id1", firebase_uid="u1")
    to.memory_core.put_patient("id1", "p1")
    prescribe(to)
    to.pdfs.pdfs[URL] = PDF


def prescribe(to: MemoryClients, key: str = "rx1", **columns: Any) -> None:
    given = {"pdf_url": URL, "summary": SUMMARY} | columns
    to.memory_core.put_prescription(key, "id1", **given)


def ref(to: MemoryClients, key: str = "rx1") -> Ref:
    return Ref("prescription", key, to.memory_core.outbox.version("prescription", key))


def standing(to: MemoryClients, step: str = STEP, key: str = "rx1") -> LedgerRow:
    return to.memory_core.ledger_rows["prescription", key, step]


def mirror(to: MemoryClients, key: str = "rx1") -> dict[str, Any] | None:
    document = prescription_document_id(settings.id_namespace(), key)
    return to.memory_supabase.document_rows.get(document)


def chunks(to: MemoryClients) -> list[Any]:
    return list(to.memory_supabase.chunk_rows.values())


def step_once(to: MemoryClients, *keys: str) -> bool:
    """Announce prescriptions and deliver the first message once; tell whether it was taken."""
    refs = tuple(ref(to, key) for key in keys or ("rx1",))
    to.publish([Event("prescription-changed", refs, new_traceparent())])
    return to.bus.deliver(to, to.bus.pending.pop(0))
