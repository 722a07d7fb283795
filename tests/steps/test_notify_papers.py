"""
notify_document and notify_prescription: a patient is told of a paper once, and again when it says
something else.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.events import Ref
from tests.memory import faults
from tests.memory.clients import MemoryClients
from tests.steps.conftest import Send

TOKEN = "token-of-a-phone"
D1 = "11111111-1111-4111-8111-111111111111"


@pytest.fixture(autouse=True)
def _patient(to: MemoryClients) -> None:
    to.memory_core.put_user("id1", firebase_uid="u1")
    to.memory_core.put_patient("id1", "p1")
    profile = {"fcmToken": TOKEN, "consentNotifications": True}
    to.firebase.put_document("users/u1", profile)


def ago(days: float) -> str:
    return (datetime.now(UTC) - timedelta(days=days)).isoformat()


def upload(to: MemoryClients, text: str = "first", **columns: Any) -> Ref:
    row = {"id": D1, "patient_id": "u1", "type": "lab", "text": text, "created_at": ago(0)}
    to.memory_supabase.upload(row | columns)
    return Ref("document", D1)


def prescribe(to: MemoryClients, notes: str = "first", **columns: Any) -> Ref:
    given = {"summary": {"notes": notes}, "created_at": ago(0)} | columns
    to.memory_core.put_prescription("rx1", "id1", **given)
    return Ref("prescription", "rx1", to.memory_core.outbox.version("prescription", "rx1"))


def told(to: MemoryClients) -> list[str]:
    return sorted(note["type"] for note in to.firebase.under("users/u1/inbox/").values())


def seen(to: MemoryClients) -> int:
    return len(to.memory_messaging.shown.get(TOKEN, {}))


def test_a_stored_document_is_announced_and_told_once(to: MemoryClients, send: Send) -> None:
    for _ in range(5):
        send("document-changed", upload(to))
    assert len(to.bus.of("document-stored")) == 5
    assert (told(to), seen(to)) == (["document_new"], 1)


def test_a_document_that_reads_differently_is_told_again_and_a_moved_file_is_not(
    to: MemoryClients, send: Send
) -> None:
    send("document-changed", upload(to))
    send("document-changed", upload(to, file_url="elsewhere.jpg"))
    assert told(to) == ["document_new"]
    send("document-changed", upload(to, "corrected"))
    assert told(to) == ["document_changed", "document_new"]


def links(to: MemoryClients) -> list[str]:
    """Return what notes and core's own notifications lead to."""
    notes = to.firebase.under("users/u1/inbox/").values()
    rows = to.memory_core.notification_rows.values()
    found = [note["reference"]["id"] for note in notes if "reference" in note]
    return found + [row["metadata"]["id"] for row in rows if "id" in row["metadata"]]


def test_notes_of_a_deleted_document_stay_and_lead_nowhere(to: MemoryClients, send: Send) -> None:
    event = upload(to)
    send("document-changed", event)
    assert links(to) == [D1, D1]
    to.memory_supabase.delete_document(D1)
    for late in ("document-changed", "document-stored", "document-changed"):
        send(late, event)
    assert (told(to), links(to), seen(to)) == (["document_new"], [], 1)


@pytest.mark.parametrize("times", [1, 5])
def test_a_patient_who_was_told_of_a_prescription_is_told_once_that_it_is_revoked(
    to: MemoryClients, send: Send, times: int
) -> None:
    first = prescribe(to)
    send("prescription-changed", first)
    revoked = prescribe(to, status="REVOKED")
    for _ in range(times):
        send("prescription-changed", revoked)
        send("prescription-indexed", first)
    assert told(to) == ["prescription_new", "prescription_revoked"]
    assert (links(to), seen(to)) == ([], 2)
    send("prescription-changed", prescribe(to, status="ACTIVE"))  # taken back
    assert told(to)[0] == "prescription_changed"
    assert links(to) == ["rx1", "rx1"]


def test_who_was_never_told_of_a_prescription_is_not_told_of_its_revocation(
    to: MemoryClients, send: Send
) -> None:
    send("prescription-changed", prescribe(to, status="REVOKED"))
    assert (told(to), seen(to)) == ([], 0)


def test_notes_of_a_deleted_prescription_lead_nowhere(to: MemoryClients, send: Send) -> None:
    first = prescribe(to)
    send("prescription-changed", first)
    to.memory_core.delete_prescription("rx1")
    version = to.memory_core.outbox.version("prescription", "rx1")
    for late in (Ref("prescription", "rx1", version), first):
        send("prescription-changed", late)
    assert (told(to), links(to)) == (["prescription_new"], [])


@pytest.mark.parametrize("moment", ["core_notifications.claim", "firestore.read"])
def test_a_note_under_way_does_not_bring_the_link_of_a_deleted_document(
    to: MemoryClients, send: Send, moment: str
) -> None:
    """The upload goes, and that is known everywhere, while its news is on the way."""
    send("document-changed", upload(to, created_at=ago(9)))  # stored, and no news
    event = upload(to, "corrected", created_at=ago(9))
    place = to.firebase if moment == "firestore.read" else to.memory_core

    def delete() -> None:
        to.memory_supabase.delete_document(D1)
        send("document-changed", event)

    faults.at(place, moment, delete, moment="after")
    send("document-changed", event)
    assert links(to) == []
    assert told(to) in ([], ["document_changed"])


def test_an_indexed_prescription_is_announced_and_told_once(to: MemoryClients, send: Send) -> None:
    for _ in range(5):
        send("prescription-changed", prescribe(to))
    assert len(to.bus.of("prescription-indexed")) == 5
    assert (told(to), seen(to)) == (["prescription_new"], 1)


def test_a_drawn_pdf_or_a_new_index_is_no_news_and_a_changed_medicine_is(
    to: MemoryClients, send: Send
) -> None:
    send("prescription-changed", prescribe(to))
    send("prescription-changed", prescribe(to, pdf_url="s3://prescriptions/rx1.pdf"))
    send("prescription-mirrored", prescribe(to, pdf_url="s3://prescriptions/rx1.pdf"))
    assert told(to) == ["prescription_new"]
    send("prescription-changed", prescribe(to, "second"))
    assert told(to) == ["prescription_changed", "prescription_new"]


def test_what_a_first_synchronisation_brings_is_no_news_but_its_change_is(
    to: MemoryClients, send: Send
) -> None:
    send("document-changed", upload(to, created_at=ago(8)))
    send("prescription-changed", prescribe(to, created_at=ago(8)))
    assert (told(to), seen(to)) == ([], 0)
    send("document-changed", upload(to, "corrected", created_at=ago(8)))
    send("prescription-changed", prescribe(to, "second", created_at=ago(8)))
    assert told(to) == ["document_changed", "prescription_changed"]


def test_a_paper_that_core_no_longer_has_tells_nobody(to: MemoryClients, send: Send) -> None:
    send("document-stored", Ref("document", D1, 1))
    send("prescription-indexed", Ref("prescription", "rx-unknown", 1))
    states = {key[1]: row.state for key, row in to.memory_core.ledger_rows.items()}
    assert states == {D1: "gone", "rx-unknown": "gone"}


def test_a_patient_without_sign_in_is_not_told(to: MemoryClients, send: Send) -> None:
    ref = prescribe(to)
    to.memory_core.put_user("id1", firebase_uid=None)
    send("prescription-indexed", ref)
    row = to.memory_core.ledger_rows["prescription", "rx1", "notify_prescription"]
    assert (row.state, row.error_code) == ("gone", "patient_without_sign_in")


def test_whatever_there_is_to_tell_and_to_withdraw_core_is_used_twice(
    to: MemoryClients, send: Send
) -> None:
    to.memory_core.put_user("id2", firebase_uid="canary-1")
    to.memory_core.put_user("id3")
    for number in (2, 3):
        to.memory_core.put_patient(f"id{number}", f"p{number}")
    refs = [prescribe(to), Ref("prescription", "rx-unknown", 1)]
    for key, user, columns in (
        ("rx2", "id1", {"summary": {"revoked": True}}),
        ("rx3", "id1", {"summary": "no object"}),
        ("rx4", "id2", {}),
        ("rx5", "id3", {}),
    ):
        to.memory_core.put_prescription(key, user, **columns)
        refs.append(Ref("prescription", key))
    used: list[str] = []
    to.memory_core.hook = lambda moment, name: used.append(name) if moment == "before" else None
    send("prescription-indexed", *refs)
    assert used == [
        "core_tombstones.buried",  # travels with the claim
        "core_notifications.claim",
        "core_notifications.settle",
    ]
    rows = to.memory_core.ledger_rows.items()
    states = {at[1]: (row.state, row.error_code) for at, row in rows}
    assert states == {
        "rx1": ("done", None),
        "rx2": ("done", "no_news"),
        "rx3": ("parked", "prescription_summary_unreadable"),
        "rx4": ("done", "canary"),
        "rx5": ("gone", "patient_without_sign_in"),
        "rx-unknown": ("gone", "source_gone"),
    }


def test_the_canary_passes_through_and_is_told_nothing(to: MemoryClients, send: Send) -> None:
    to.memory_core.put_user("id2", firebase_uid="canary-1")
    to.memory_core.put_patient("id2", "p2")
    send("document-changed", upload(to, patient_id="canary-1"))
    assert to.memory_core.ledger_rows["document", D1, "notify_document"].state == "done"
    assert to.firebase.under("users/canary-1/inbox/") == {}
