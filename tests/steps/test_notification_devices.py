"""Which devices a notification goes to: consent, several tokens, dead ones (notify_appointment)."""

from __future__ import annotations

from typing import Any

import pytest

from shared.errors import TransientError
from shared.notices.push import Receipt
from tests.memory import faults
from tests.memory.clients import MemoryClients
from tests.steps.conftest import Send
from tests.steps.test_notify_appointment import (
    PROFILE,
    TOKEN,
    change,
    notes,
    put_patient,
    seen,
    standing,
    statuses,
)


@pytest.fixture(autouse=True)
def _patient(to: MemoryClients) -> None:
    put_patient(to)


@pytest.mark.parametrize(
    "profile",
    [
        {"fcmToken": TOKEN},
        {"fcmToken": TOKEN, "consentNotifications": False},
        {"fcmToken": TOKEN, "consentGiven": False},
        {"fcmToken": TOKEN, "consentNotifications": False, "consentGiven": True},
        {"fcmToken": TOKEN, "consentNotifications": "yes"},
        {"fcmToken": TOKEN, "consent_notifications": False, "consentGiven": True},
    ],
)
def test_without_a_plain_consent_there_is_the_note_alone(
    to: MemoryClients, send: Send, profile: dict[str, Any]
) -> None:
    put_patient(to, profile=profile)
    send("appointment-shown", change(to))
    assert (notes(to), seen(to), statuses(to)) == (["appointment_booked"], 0, ["UNSENT"])
    assert standing(to).error_code == "no_consent"


def test_the_older_consent_field_counts_where_the_finer_one_is_absent(
    to: MemoryClients, send: Send
) -> None:
    put_patient(to, profile={"fcmToken": TOKEN, "consentGiven": True})
    send("appointment-shown", change(to))
    assert seen(to) == 1


@pytest.mark.parametrize("spelling", ["consent_notifications", "consent_given"])
def test_a_consent_counts_in_either_spelling(to: MemoryClients, send: Send, spelling: str) -> None:
    put_patient(to, profile={"fcmToken": TOKEN, spelling: True})
    send("appointment-shown", change(to))
    assert seen(to) == 1


def test_a_patient_without_device_or_profile_has_the_note(to: MemoryClients, send: Send) -> None:
    put_patient(to, profile={"consentNotifications": True, "fcmTokens": "not a list"})
    del to.firebase.documents["users/u1"]
    send("appointment-shown", change(to))
    assert (notes(to), statuses(to)) == (["appointment_booked"], ["UNSENT"])


def test_dead_tokens_are_removed_and_the_living_are_pushed_to(
    to: MemoryClients, send: Send
) -> None:
    put_patient(to, profile=PROFILE | {"fcmTokens": ["dead-1", "alive", "dead-2"], "name": "kept"})
    for token in (TOKEN, "dead-1", "dead-2"):
        to.memory_messaging.answers[token] = [Receipt("dead", "fcm_unregistered")]
    send("appointment-shown", change(to))
    expected = {"consentNotifications": True, "fcmTokens": ["alive"], "name": "kept"}
    assert to.firebase.document("users/u1") == expected
    assert (seen(to, "alive"), statuses(to)) == (1, ["SENT"])


def test_a_token_that_the_app_replaced_meanwhile_is_not_removed(
    to: MemoryClients, send: Send
) -> None:
    to.memory_messaging.answers[TOKEN] = [Receipt("dead", "fcm_unregistered")]
    fresh = PROFILE | {"fcmToken": "fresh"}
    faults.at(
        to.memory_messaging,
        "messaging.send",
        lambda: to.firebase.put_document("users/u1", fresh),
        moment="after",
    )
    send("appointment-shown", change(to))
    assert to.firebase.document("users/u1") == fresh
    assert standing(to).error_code == "no_device"


def test_a_device_that_has_it_is_not_sent_it_again_for_another_that_must_wait(
    to: MemoryClients, send: Send
) -> None:
    put_patient(to, profile=PROFILE | {"fcmTokens": ["slow"]})
    to.memory_messaging.answers["slow"] = [Receipt("later", "fcm_quota", 7)]
    send("appointment-shown", change(to))
    assert [list(tags.values()) for tags in to.memory_messaging.shown.values()] == [[1], [1]]
    assert to.bus.refusals == [("notify_appointment", "fcm_quota")]


def test_a_dead_token_that_cannot_be_removed_now_holds_nothing_up(
    to: MemoryClients, send: Send
) -> None:
    to.memory_messaging.answers[TOKEN] = [Receipt("dead", "fcm_unregistered")]
    error = TransientError("firestore_unreachable")
    faults.at(
        to.memory_messaging,
        "messaging.send",
        lambda: faults.fail(to.firebase, "firestore.commit", error),
        moment="after",
    )
    send("appointment-shown", change(to))
    assert to.firebase.document("users/u1") == PROFILE
    assert (standing(to).state, standing(to).error_code) == ("done", "no_device")
    assert to.bus.refusals == []
