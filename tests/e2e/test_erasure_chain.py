"""A patient who leaves is gone from every store of the running stack, and no late event helps."""

from __future__ import annotations

from typing import Any

import httpx

from infra.local.demo import erasing
from infra.local.demo.people import Person
from tests.e2e.conftest import Running, eventually
from tests.e2e.test_users_chain import mirror, settled

_PARKED = "select 1 as n from sync.ledger where key = %s and state = 'parked'"
EMAIL = "leaver-marker@example.com"
PHONE = "+919877700001"


def retry_failed(running: Running) -> dict[str, Any]:
    """Run it as the schedule does."""
    url = f"{running.facts['steps_url']}/retry_failed"
    return httpx.post(url, timeout=60).raise_for_status().json()


def test_nothing_of_a_patient_is_left_and_late_events_bring_nothing_back(running: Running) -> None:
    profile = {"firstName": "Leaver", "email": EMAIL, "fcmToken": "leaver-phone"}
    uid = running.app.sign_up(Person("Leaver", "Marker", "both", PHONE, EMAIL, profile))
    eventually(lambda: (running.ledger(uid, "admit_user") or {}).get("state") == "done")
    document = "0f2a5f2e-3b0a-4b6e-8a3e-5d5b6c7d8e9f"
    running.edge.insert(
        [{"id": document, "patient_id": uid, "type": "report", "text": f"of {EMAIL}",
          "structured_json": {"medications": []}, "ocr_confidence": 0.9,
          "file_url": f"documents/{uid}/page.jpg"}]
    )  # fmt: skip
    eventually(lambda: (running.ledger(document, "notify_document") or {}).get("state") == "done")
    erasing.give_up(running.facts, uid)
    eventually(lambda: running.core(_PARKED, uid))
    row = {"uid": uid, "email": EMAIL, "phone": PHONE}
    person = erasing.leaver(running.facts, row, {})
    planted = set(erasing.traces(running.facts, person))
    assert {"core public.users", "supabase auth.users", "firestore users", "auth"} <= planted
    assert "dead letters" in planted

    erasing.delete_account(running.facts, uid)
    eventually(
        lambda: running.core("select 1 as n from sync.erasures where state = 'certified'") or None
    )
    assert erasing.traces(running.facts, person) == []

    due = "update sync.erasures set look_again_at = now() where sealed is not null"
    running.core(due)  # eight days later, no message of before is left
    assert retry_failed(running)["last_looks"] >= 1
    last = "select 1 as n from sync.erasures where state = 'certified' and last_look"
    eventually(lambda: running.core(last))
    assert erasing.traces(running.facts, person) == []

    refused = "select count(*) as n from sync.journal where error_code = 'patient_erased'"
    before = running.core(refused)[0]["n"]
    sent = erasing.replay(running.facts, [person])
    eventually(lambda: running.core(refused)[0]["n"] >= before + sent or None)
    eventually(
        lambda: not running.core("select 1 as n from sync.erasures where state <> 'certified'")
    )
    assert erasing.traces(running.facts, person) == []


def test_who_waited_for_the_leavers_phone_has_it_without_a_hand(running: Running) -> None:
    phone = "+919877700002"
    leaver = running.app.sign_up(Person("Leaver", "Two", "email", None, "leaver.two@example.com"))
    settled(running, leaver)
    running.core("update users set phone = %s where firebase_uid = %s", phone, leaver)
    heir = running.app.sign_up(Person("Heir", "Person", "phone", phone, None))
    open_conflict = "select 1 as n from sync.conflicts where key = %s and resolved_at is null"
    eventually(lambda: running.core(open_conflict, heir))

    erasing.delete_account(running.facts, leaver)
    gone = "select 1 as n from users where firebase_uid = %s"
    eventually(lambda: not running.core(gone, leaver))
    assert retry_failed(running)["looked_into"] >= 1
    held = "select 1 as n from users where firebase_uid = %s and phone = %s"
    eventually(lambda: running.core(held, heir, phone))
    eventually(lambda: (mirror(running, heir) or {}).get("phone") == phone.removeprefix("+"))
    eventually(lambda: not running.core(open_conflict, heir))
