"""The stores in memory under the real steps, in the words of real_stores.py."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from copy import deepcopy
from typing import Any

from shared.stores.core_findings import Finding, Report
from tests.contract.real_stores import RealStores
from tests.contract.running import compare, relay_and_deliver
from tests.memory.clients import MemoryClients
from tests.memory.core import Row

_TICK_S = 0.001


class MemoryStores(MemoryClients):
    """Clients over places in memory, with a clock of their own."""

    def __init__(self) -> None:
        super().__init__(max_attempts=5)
        self._now = 1_000_000.0
        for place in self.places:
            place.clock = self._tick

    def _tick(self) -> float:
        self._now += _TICK_S
        return self._now + time.monotonic()  # as comparisons measure how long they take

    def run(self, without: str = "") -> None:
        """Relay the outboxes, but the named place's, and deliver until all is quiet."""
        relay_and_deliver(self, self.bus, without)

    def sign_up(self, uid: str, **contacts: Any) -> None:
        """Make an account whose trigger is dropped."""
        self.firebase.sign_up(uid, **contacts)

    def upload(self, key: str, uid: str, structured: Any = None, kind: str = "lab_report") -> None:
        """Insert an upload as the edge function does; its webhook is dropped."""
        content = {"file_url": "documents/a.jpg", "text": "page", "ocr_confidence": 0.87}
        row = {"id": key, "patient_id": uid, "type": kind, "structured_json": structured}
        self.memory_supabase.upload(row | content)

    def prescribe(self, key: str, uid: str, **summary: Any) -> None:
        """Insert an appointment and its prescription as the backend does."""
        core, user = self.memory_core, self.user(uid)["id"]
        core.doctor_uids.setdefault("doctor", None)
        core.put_appointment(f"visit-{key}", user, doctor_id="doctor")
        core.put_prescription(key, user, summary=summary)

    def reconcile(
        self, name: str, *, dry_run: bool = False, grace_s: float = 0, blocks: int = 1
    ) -> tuple[Report, list[Finding]]:
        """Run one comparison, a minute after all that happened."""
        self.age()
        return compare(self, name, dry_run=dry_run, grace_s=grace_s, blocks=blocks)

    def age(self) -> None:
        """Let a minute pass since everything that happened."""
        self._now += 60

    def user(self, uid: str) -> Row:
        """Return a core user."""
        user = self.memory_core.user_by_uid(uid)
        assert user is not None
        return user

    def has_document(self, key: str) -> bool:
        """Tell whether core has a document."""
        return key in self.memory_core.document_rows

    def medicines_of(self, key: str) -> int:
        """Return how many medications core has of a document."""
        return sum(r["document_id"] == key for r in self.memory_core.medication_rows.values())

    def has_patient_named(self, name: str) -> bool:
        """Tell whether core has a patient of this name."""
        return any(row.get("name") == name for row in self.memory_core.patient_rows.values())

    def removals(self) -> list[tuple[str, str, str]]:
        """Return which orphans were removed, and by whose order."""
        return self.memory_core.removals

    def unfinished(self) -> list[str]:
        """Return the keys of what the ledger holds that is not done."""
        return [at[1] for at, r in self.memory_core.ledger_rows.items() if r.state != "done"]

    def decided(self) -> None:
        """Have a person decide that what is in conflict stays with its holder."""
        for at in list(self.memory_core.open_conflicts):
            self.memory_core.close_conflict(at, "keep_other")

    def make_doctor(self, uid: str) -> None:
        """Make a user a doctor, as the backend does."""
        user = self.user(uid)["id"]
        self.memory_core.put_user(user, role="DOCTOR")
        self.memory_core.put_doctor(user, first_name="Asha", last_name="Rao")

    def make_patient(self, uid: str) -> None:
        """Make a user a patient again, as the backend does."""
        self.memory_core.put_user(self.user(uid)["id"], role="PATIENT")

    def delete_upload(self, key: str) -> None:
        """Delete an upload as the product does; nobody is told."""
        self.memory_supabase.delete_document(key)
        self._take_as_sent()

    def delete_prescription(self, key: str) -> None:
        """Delete a prescription as the backend does; nobody is told."""
        self.memory_core.delete_prescription(key)
        self._take_as_sent()

    def _take_as_sent(self) -> None:
        for place in (self.memory_core, self.memory_supabase):
            for row in place.outbox.rows.values():
                row.sent, row.sent_at = True, self._tick()

    def lose_upload(self, key: str) -> None:
        """Let an upload go without any trace."""
        del self.memory_supabase.document_rows[key]
        self.memory_supabase.outbox.rows.clear()

    def lose_prescription(self, key: str) -> None:
        """Let a prescription go without any trace."""
        del self.memory_core.prescription_rows[key]

    def remind(self) -> None:
        """Switch all reminders on, as patients do."""
        for row in self.memory_core.medication_rows.values():
            row |= {"reminders_enabled": True, "start_date": 0.0}

    def spoil(self) -> Callable[[], None]:
        """Have core spoil the text of every document; return what ends that."""
        core = self.memory_core
        core.document_rows = _Spoilt(core.document_rows)

        def end() -> None:
            core.document_rows = dict(core.document_rows)

        return end

    def write_text(self, key: str, text: str) -> None:
        """Edit a document's text in core, past the sync."""
        self.memory_core.document_rows[key]["text"] = text

    def state(self) -> list[Any]:
        """Return all that a run could change, but its own rows."""
        return deepcopy(
            [
                self.memory_core.outbox.rows,
                self.memory_core.ledger_rows,
                self.memory_supabase.outbox.rows,
                self.firebase.documents,
                len(self.bus.published),
            ]
        )

    def runs(self) -> Counter[str]:
        """Return how many runs there were of each comparison."""
        return Counter(run.projection for run in self.memory_core.runs)


class _Spoilt(dict[str, Row]):
    """Documents whose text another hand replaces whenever one is written."""

    def __setitem__(self, key: str, row: Row) -> None:
        super().__setitem__(key, row | {"text": "spoilt"})


Stores = RealStores | MemoryStores
