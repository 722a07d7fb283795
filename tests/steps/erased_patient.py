"""A patient with something in every store in memory, and what is left of them after an erasure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from shared import catalog
from shared.erasure.erasing import look_for_the_last_time
from shared.events import Ref
from shared.relay import drain
from tests import conftest
from tests.memory.clients import MemoryClients
from tests.memory.place import alias

UID, MARK = "uid-of-asha", "planted-marker"
DOCUMENT = "7c8f4f4e-8c1b-4f4e-9d3c-1d2b3c4d5e6f"
URL = "https://prescriptions.s3.ap-south-1.amazonaws.com/rx1.pdf"
NAMESPACE = UUID(conftest.NAMESPACE)


def run(to: MemoryClients) -> None:
    """Relay both outboxes and deliver, until nothing is open."""
    topics = catalog.load().announced_by
    while True:
        sent = drain(to.core_outbox, to.publish, topics("core"), budget_s=60)
        sent += drain(to.supabase_outbox, to.publish, topics("supabase"), budget_s=60)
        if not sent and not to.bus.pending:
            return
        to.run()


def sign_up(to: MemoryClients, uid: str = UID, contact: str = f"{MARK}@example.com") -> None:
    to.firebase.sign_up(uid, email=contact)
    to.firebase.write_profile(uid, name=MARK, fcmToken=f"token-{MARK}", consentNotifications=True)
    to.publish([event("user-changed", uid), event("profile-changed", uid)])
    run(to)


def event(topic: str, key: str) -> Any:
    from shared.events import Event, new_traceparent

    return Event(topic, (Ref(catalog.load().topics[topic]["kind"], key),), new_traceparent())


def bring_patient(to: MemoryClients) -> None:
    """A patient with something in every store."""
    sign_up(to)
    user = to.memory_core.user_by_uid(UID)
    assert user is not None
    to.pdfs.pdfs[URL] = b"%PDF " + MARK.encode()
    to.memory_core.doctor_uids["doctor-1"] = "doctor-uid"
    to.memory_core.put_appointment("a1", user["id"], address=MARK)
    to.memory_core.put_prescription("rx1", user["id"], pdf_url=URL, summary={"notes": MARK})
    to.memory_core.prescription_rows["rx1"]["created_at"] = "2016-05-01T10:00:00.000Z"
    to.memory_supabase.upload(
        {"id": DOCUMENT, "patient_id": UID, "type": "report", "text": MARK,
         "file_url": f"documents/{UID}/a.jpg", "structured_json": {"medications": [{"name": MARK}]}}
    )  # fmt: skip
    to.files.files[f"documents/{UID}/a.jpg"] = MARK.encode()
    run(to)
    assert {"users", "told", "documents"} <= {name for name, _ in everywhere(to)}


def everywhere(to: MemoryClients) -> Iterator[tuple[str, str]]:
    """Yield where in the stores the uid or a planted marker is found."""
    places = {"core": to.memory_core, "supabase": to.memory_supabase}
    places |= {"firebase": to.firebase, "files": to.files}
    for place in places.values():
        for name, state in vars(place).items():
            if name == "uploads":  # the test's own record of what ever was uploaded
                continue
            text = repr(state if name != "outbox" else state.rows)
            if UID in text or MARK in text:
                yield {"user_rows": "users", "document_rows": "documents"}.get(name, name), text


def receipts(to: MemoryClients) -> dict[str, str]:
    row = to.memory_core.erasure_rows[alias("user", UID)]
    return {store: receipt["state"] for store, receipt in row["receipts"].items()}


def state(to: MemoryClients) -> str:
    return to.memory_core.erasure_rows[alias("user", UID)]["state"]


def days_pass(to: MemoryClients, days: int) -> None:
    to.bus.waited += days * 86_400


def look_again(to: MemoryClients, namespace: UUID = NAMESPACE) -> int:
    return look_for_the_last_time(to.core_erasures, namespace, 10)


def delete_account(to: MemoryClients) -> None:
    to.firebase.delete(UID)
    to.publish([event("user-deleted", UID)])
    run(to)
