"""A patient is told once of every booking, change and cancellation, whatever is delivered twice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared import settings
from shared.errors import TransientError
from shared.events import Event, Ref, new_traceparent
from shared.ids import notification_id
from shared.notices.push import Receipt
from tests.memory import faults
from tests.memory.clients import MemoryClients
from tests.memory.core_ledger import LedgerRow
from tests.steps.conftest import Send

TOKEN = "token-of-a-phone"
PROFILE = {"fcmToken": TOKEN, "consentNotifications": True}
LATER = datetime(2126, 6, 1, 9, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _patient(to: MemoryClients) -> None:
    put_patient(to)


def put_patient(to: MemoryClients, number: int = 1, profile: dict[str, Any] | None = None) -> None:
    to.memory_core.put_user(f"id{number}", firebase_uid=f"u{number}")
    to.memory_core.put_patient(f"id{number}", f"p{number}")
    to.firebase.put_document(f"users/u{number}", PROFILE if profile is None else profile)


def change(to: MemoryClients, key: str = "a1", **columns: Any) -> Ref:
    """Book or change an appointment."""
    to.memory_core.put_appointment(key, columns.pop("user_id", "id1"), **columns)
    return Ref("appointment", key, to.memory_core.outbox.version("appointment", key))


def notes(to: MemoryClients, uid: str = "u1") -> list[str]:
    return sorted(note["type"] for note in to.firebase.under(f"users/{uid}/inbox/").values())


def seen(to: MemoryClients, token: str = TOKEN) -> int:
    return len(to.memory_messaging.shown.get(token, {}))


def statuses(to: MemoryClients) -> list[str]:
    return [row["status"] for row in to.memory_core.notification_rows.values()]


def standing(to: MemoryClients, key: str = "a1") -> LedgerRow:
    return to.memory_core.ledger_rows["appointment", key, "notify_appointment"]


def test_a_booking_is_a_note_a_push_and_a_row_under_one_id_without_content(
    to: MemoryClients, send: Send
) -> None:
    ref = change(to)
    send("appointment-shown", ref)
    at = notification_id(settings.id_namespace(), "appointment", "a1", ref.version)
    [claim] = to.memory_core.claims.values()
    assert to.firebase.document(f"users/u1/inbox/{at}") == {
        "type": "appointment_booked",
        "reference": {"kind": "appointment", "id": "a1"},
        "createdAt": claim["created_at"],
        "read": False,
    }
    assert to.memory_messaging.shown == {TOKEN: {at: 1}}
    assert to.memory_core.notification_rows[at] == {
        "user_id": "id1",
        "type": "APPOINTMENT_BOOKED",
        "status": "SENT",
        "metadata": {"kind": "appointment", "id": "a1"},
    }
    assert (standing(to).state, standing(to).source_version) == ("done", ref.version)


def test_five_deliveries_tell_once(to: MemoryClients, send: Send) -> None:
    for _ in range(5):
        send("appointment-shown", change(to))
    assert (notes(to), seen(to), len(to.memory_core.claims)) == (["appointment_booked"], 1, 1)


def test_a_note_that_was_read_is_not_unread_by_a_redelivery(to: MemoryClients, send: Send) -> None:
    faults.fail(to.memory_messaging, "messaging.send", TransientError("lost"), moment="after")
    ref = change(to)
    event = Event("appointment-shown", (ref,), new_traceparent())
    to.publish([event])
    to.bus.deliver(to, to.bus.pending.pop(0))
    [path] = to.firebase.under("users/u1/inbox/")
    to.firebase.put_document(path, to.firebase.under("users/u1/inbox/")[path] | {"read": True})
    to.run()
    assert (to.firebase.document(path) or {})["read"] is True
    assert seen(to) == 1


def test_every_real_change_is_told_and_nothing_else(to: MemoryClients, send: Send) -> None:
    changes: list[dict[str, Any]] = [
        {"status": "HOLD"},
        {"status": "CONFIRMED"},
        {"start": LATER, "status": "RESCHEDULED"},
        {"status": "CONFIRMED"},  # accepted: the same time
        {"doctor_id": "doctor-2"},
        {"address": "another made-up address"},
        {"checked_in_at": LATER, "status": "STARTED"},
        {"status": "COMPLETED"},
    ]
    for columns in changes:
        send("appointment-shown", change(to, **columns))
    rescheduled = ["appointment_rescheduled"] * 2
    assert notes(to) == ["appointment_booked", *rescheduled]
    assert seen(to) == 3


def test_a_cancellation_is_told_and_a_new_booking_after_it_too(
    to: MemoryClients, send: Send
) -> None:
    for status in ("CONFIRMED", "CANCELLED", "CONFIRMED"):
        send("appointment-shown", change(to, status=status))
    assert notes(to) == ["appointment_booked", "appointment_booked", "appointment_cancelled"]


def test_a_hold_that_ends_without_a_booking_is_no_news(to: MemoryClients, send: Send) -> None:
    for status in ("HOLD", "CANCELLED"):
        send("appointment-shown", change(to, status=status))
    assert (notes(to), standing(to).error_code) == ([], "no_news")


def test_an_appointment_in_the_past_is_no_news(to: MemoryClients, send: Send) -> None:
    send("appointment-shown", change(to, start=datetime.now(UTC) - timedelta(minutes=1)))
    assert (notes(to), seen(to)) == ([], 0)


def test_a_resynchronisation_of_the_same_state_tells_nobody_again(
    to: MemoryClients, send: Send
) -> None:
    send("appointment-shown", change(to))
    to.memory_core.outbox.note("appointment", "a1", to.memory_core.next_version())
    send("appointment-shown", change(to))
    assert (notes(to), seen(to)) == (["appointment_booked"], 1)


def test_an_older_event_that_comes_late_tells_nothing(to: MemoryClients, send: Send) -> None:
    older = change(to)
    send("appointment-shown", change(to, start=LATER))
    send("appointment-shown", older)
    assert notes(to) == ["appointment_booked"]  # one look, at the newest state


def test_a_push_that_was_delivered_although_the_service_said_503_is_seen_once(
    to: MemoryClients, send: Send
) -> None:
    to.memory_messaging.lossy[TOKEN] = 2
    send("appointment-shown", change(to))
    assert to.bus.refusals == [("notify_appointment", "fcm_unavailable")] * 2
    assert list(to.memory_messaging.shown[TOKEN].values()) == [3]  # thrice under one id: one seen
    assert statuses(to) == ["SENT"]


@pytest.mark.parametrize("effect", ["core_notifications.claim", "core_notifications.settle"])
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_core_that_loses_a_call_ends_with_one_notification(
    to: MemoryClients, send: Send, effect: str, moment: str
) -> None:
    faults.fail(to.memory_core, effect, TransientError("core_unreachable"), moment=moment)
    send("appointment-shown", change(to))
    assert (notes(to), seen(to), statuses(to)) == (["appointment_booked"], 1, ["SENT"])
    assert len(to.memory_core.claims) == 1


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_firestore_that_times_out_ends_with_one_note(
    to: MemoryClients, send: Send, moment: str
) -> None:
    error = TransientError("firestore_unreachable")
    faults.fail(to.firebase, "firestore.commit", error, moment=moment)
    send("appointment-shown", change(to))
    assert (notes(to), seen(to)) == (["appointment_booked"], 1)


def test_a_message_the_service_refuses_is_parked_and_the_note_stays(
    to: MemoryClients, send: Send
) -> None:
    to.memory_messaging.answers[TOKEN] = [Receipt("refused", "fcm_refused_message")]
    send("appointment-shown", change(to))
    assert (standing(to).state, standing(to).error_code) == ("parked", "fcm_refused_message")
    assert (notes(to), statuses(to)) == (["appointment_booked"], ["FAILED"])


def test_one_patient_of_a_hundred_whose_push_must_wait_waits_alone(
    to: MemoryClients, send: Send
) -> None:
    for number in range(100):
        put_patient(to, number, PROFILE | {"fcmToken": f"token-{number}"})
    to.memory_messaging.answers["token-50"] = [Receipt("later", "fcm_unavailable")] * 2
    send("appointment-shown", *[change(to, f"a{n}", user_id=f"id{n}") for n in range(100)])
    assert statuses(to) == ["SENT"] * 100
    assert {seen(to, f"token-{number}") for number in range(100)} == {1}
    assert to.bus.refusals == [("notify_appointment", "fcm_unavailable")]


def test_news_that_another_message_works_on_is_left_to_it_until_its_lease_runs_out(
    to: MemoryClients, send: Send
) -> None:
    faults.fail(to.memory_messaging, "messaging.send", RuntimeError("the holder dies"))
    ref = change(to)
    to.publish([Event("appointment-shown", (ref,), new_traceparent())])
    first = to.bus.pending.pop(0)
    to.bus.deliver(to, first)
    to.bus.pending.clear()  # the holder died, and its message is long in coming
    to.publish([Event("appointment-shown", (ref,), new_traceparent())])
    to.bus.deliver(to, to.bus.pending.pop(0))
    assert to.bus.refusals[-1] == ("notify_appointment", "notification_in_hand")
    for row in to.memory_core.claims.values():
        row["lease_until"] = to.memory_core.clock() - 1
    to.run()
    assert (notes(to), seen(to), statuses(to)) == (["appointment_booked"], 1, ["SENT"])


def test_a_patient_without_sign_in_or_an_unknown_appointment_tells_nobody(
    to: MemoryClients, send: Send
) -> None:
    to.memory_core.put_user("id1", firebase_uid=None)
    send("appointment-shown", change(to), Ref("appointment", "unknown", 1))
    assert standing(to).error_code == "patient_without_sign_in"
    assert standing(to, "unknown").error_code == "source_gone"
    assert to.memory_core.claims == {}


def test_an_appointment_moved_to_another_patient_is_a_booking_to_that_patient(
    to: MemoryClients, send: Send
) -> None:
    put_patient(to, 2, PROFILE | {"fcmToken": "token-2"})
    send("appointment-shown", change(to))
    send("appointment-shown", change(to, user_id="id2"))
    assert notes(to, "u2") == ["appointment_booked"]
