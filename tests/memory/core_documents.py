"""Core documents with their medications, in memory."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from shared.events import Ref
from shared.medications import Medication
from shared.models.documents import StoredDocument
from shared.outcomes import Outcome
from shared.stores.core_documents import utc
from tests.memory.core import MemoryCore, Row, medication_said

if TYPE_CHECKING:
    from shared.runner import Batch


class MemoryCoreDocuments:
    """Stores and removes documents, each with its medications as one aggregate."""

    def __init__(self, core: MemoryCore) -> None:
        self._core = core

    def store(self, batch: Batch, documents: Iterable[StoredDocument]) -> list[Outcome]:
        """Write documents; one whose patient is missing is "retrying", an older one is done."""
        with self._core.effect("core_documents.store"):
            outcomes: list[Outcome] = []
            news: list[Outcome] = []
            for stored in documents:
                ref = Ref("document", stored.document.id, stored.document.version)
                outcome = Outcome(ref, "done")
                if self._is_fresh(batch, ref):
                    outcome = self._write(ref, stored)
                    news.append(outcome)
                outcomes.append(outcome)
            self._core.record(batch.step, batch.traceparent, news)
            return outcomes

    def remove(self, batch: Batch, refs: Sequence[Ref]) -> list[Outcome]:
        """Remove documents that their source has deleted."""
        with self._core.effect("core_documents.remove"):
            outcomes = [Outcome(ref, "gone", "source_deleted", passed_on=True) for ref in refs]
            fresh = [outcome for outcome in outcomes if self._is_fresh(batch, outcome.ref)]
            for outcome in fresh:
                self._core.drop_document(outcome.ref.key)
                self._core.unlink("document", [outcome.ref.key])
            self._core.record(batch.step, batch.traceparent, fresh)
            return outcomes

    def _is_fresh(self, batch: Batch, ref: Ref) -> bool:
        row = self._core.ledger_rows.get(("document", ref.key, batch.step))
        if row is None:
            return True
        newest = row.seen_version if row.state == "parked" else row.source_version
        return max(newest, row.source_version) <= ref.version

    def _write(self, ref: Ref, stored: StoredDocument) -> Outcome:
        document = stored.document
        user = self._core.user_by_uid(document.patient_uid)
        patient = self._core.patient_rows.get(user["id"]) if user else None
        if patient is None:
            return Outcome(ref, "retrying", "patient_not_in_core")
        self._core.document_rows[document.id] = {
            "id": document.id,
            "patient_id": patient["id"],
            "type": stored.core_type,
            "file_url": document.file_url,
            "text": document.text,
            "structured_json": document.structured,
            "ocr_confidence": document.confidence,
            "created_at": utc(document.created_at),
        }
        self._replace_medications(patient["id"], stored)
        return Outcome(ref, "done", stored.code)

    def _replace_medications(self, patient: str, stored: StoredDocument) -> None:
        known = self._core.medication_rows
        kept = {key: known.get(key) for key, _ in stored.medications}
        for rows in (known, self._core.reading_rows):
            for key in [k for k, r in rows.items() if r["document_id"] == stored.document.id]:
                del rows[key]
        for key, medication in stored.medications:
            row = _row(key, patient, stored.document.id, medication)
            known[key] = row | self._continued(kept[key], medication)
            self._core.reading_rows[key] = {
                "document_id": stored.document.id,
                "position": medication.position,
                "needs_review": medication.needs_review,
                "review_reasons": list(medication.review_reasons),
                "said": medication_said(row),
            }

    def _continued(self, before: Row | None, medication: Medication) -> Row:
        """Return what a medicine keeps: its start date, and reminders while nothing is in doubt."""
        if before is None:
            return {"start_date": self._core.clock(), "reminders_enabled": False}
        steady = before["frequency"] == medication.frequency and not medication.needs_review
        return {
            "start_date": before["start_date"],
            "reminders_enabled": before["reminders_enabled"] and steady,
        }


def _row(key: str, patient: str, document_id: str, medication: Medication) -> Row:
    return {
        "id": key,
        "patient_id": patient,
        "document_id": document_id,
        "name": medication.name,
        "strength": medication.strength,
        "form": medication.form,
        "frequency": medication.frequency,
        "route": medication.route,
        "duration_days": medication.duration_days,
    }
