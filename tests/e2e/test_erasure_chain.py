"""A patient who leaves is gone from every store of the running stack, and no late event helps."""

from __future__ import annotations

from infra.local.demo import erasing
from infra.local.demo.people import Person
from tests.e2e.conftest import Running, eventually

EMAIL = "leaver-marker@example.com"
PHONE = "+919877700001"


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
    row = {"uid": uid, "email": EMAIL, "phone": PHONE}
    person = erasing.leaver(running.facts, row, {})
    planted = set(erasing.traces(running.facts, person))
    assert {"core public.users", "supabase auth.users", "firestore users", "auth"} <= planted

    erasing.delete_account(running.facts, uid)
    eventually(
        lambda: running.core("select 1 as n from sync.erasures where state = 'certified'") or None
    )
    assert erasing.traces(running.facts, person) == []

    refused = "select count(*) as n from sync.journal where error_code = 'patient_erased'"
    before = running.core(refused)[0]["n"]
    sent = erasing.replay(running.facts, [person])
    eventually(lambda: running.core(refused)[0]["n"] >= before + sent or None)
    eventually(
        lambda: not running.core("select 1 as n from sync.erasures where state <> 'certified'")
    )
    assert erasing.traces(running.facts, person) == []
