"""A document inserted in Supabase reaches core with its medications, whatever comes first."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import httpx

from infra.local.demo.people import Person
from tests.e2e.conftest import Row, Running, eventually
from tests.e2e.test_users_chain import settled


def paper(uid: str, *names: str, **fields: Any) -> dict[str, Any]:
    """Return an upload with one medication per name."""
    return {
        "id": str(uuid4()),
        "patient_id": uid,
        "type": "prescription",
        "file_url": "documents/page.jpg",
        "text": "page one",
        "structured_json": {"medications": [{"name": name, "strength": "5 mg"} for name in names]},
        "ocr_confidence": 0.9,
    } | fields


def stored(running: Running, document: str) -> Row | None:
    rows = running.core("select * from documents where id = %s", document)
    return rows[0] if rows else None


def medications(running: Running, document: str) -> set[str]:
    rows = running.core("select name from medications where document_id = %s", document)
    return {row["name"] for row in rows}


def patient(running: Running, phone: str) -> str:
    uid = running.app.sign_up(Person("Test", "Person", "phone", phone, None))
    settled(running, uid)
    return uid


def test_an_upload_its_correction_and_its_deletion_reach_core(running: Running) -> None:
    uid = patient(running, "+919811200001")
    upload = paper(uid, "Demoxil", "Testamol")

    running.edge.insert([upload])
    eventually(lambda: medications(running, upload["id"]) == {"Demoxil", "Testamol"})

    running.supabase(
        "update documents set structured_json = %s::jsonb where id = %s",
        '{"medications": [{"name": "Fictopril"}]}', upload["id"],
    )  # fmt: skip
    eventually(lambda: medications(running, upload["id"]) == {"Fictopril"})

    running.supabase("delete from documents where id = %s", upload["id"])
    eventually(lambda: stored(running, upload["id"]) is None)
    assert medications(running, upload["id"]) == set()


def test_a_document_waits_for_its_patient(running: Running) -> None:
    uid = f"late-{uuid4().hex[:12]}"
    upload = paper(uid, "Samplostat")
    running.edge.insert([upload])
    waiting = eventually(lambda: running.ledger(upload["id"], "store_document"))
    assert (waiting["state"], waiting["error_code"]) == ("retrying", "patient_not_in_core")

    body = {"localId": uid, "phoneNumber": "+919811200002"}
    base = f"http://{running.facts['auth_emulator']}/identitytoolkit.googleapis.com/v1"
    httpx.post(f"{base}/projects/{running.facts['project_id']}/accounts", json=body,
               headers={"Authorization": "Bearer owner"}).raise_for_status()  # fmt: skip

    eventually(lambda: stored(running, upload["id"]))
    assert medications(running, upload["id"]) == {"Samplostat"}


def test_a_document_whose_patient_never_comes_is_parked_with_its_reason(running: Running) -> None:
    upload = paper(f"nobody-{uuid4().hex[:12]}", "Mockazole")

    running.edge.insert([upload])

    row = running.settled(upload["id"], "store_document", "parked")
    assert row["error_code"] == "patient_not_in_core"


def test_of_a_hundred_documents_the_one_that_cannot_be_stored_is_parked(running: Running) -> None:
    uid = patient(running, "+919811200003")
    uploads = [paper(uid, "Exampline", text=f"page {n}") for n in range(100)]
    uploads[41]["structured_json"] = "{not json"

    running.edge.insert(uploads)

    good = [u["id"] for u in uploads if u is not uploads[41]]
    eventually(
        lambda: (
            running.core("select count(*) as n from documents where id = any(%s)", good)[0]["n"]
            == 99
        )
    )
    row = eventually(lambda: running.ledger(uploads[41]["id"], "store_document"))
    assert (row["state"], row["error_code"]) == ("parked", "structured_json_unreadable")
    assert stored(running, uploads[41]["id"]) is None


def test_a_webhook_that_breaks_a_rule_is_told_which(running: Running) -> None:
    url = running.facts["webhook_url"]

    unsigned = httpx.post(url, json={"type": "INSERT"})
    huge = httpx.post(url, content=b"x" * 10_000_000, headers={"Content-Type": "application/json"})

    assert unsigned.status_code == 401
    assert unsigned.json()["error"] == "unauthorized"  # what is wrong with it is for the log
    assert '"code":"timestamp"' in running.log("steps")
    assert huge.status_code == 413
    assert "65536 bytes" in huge.json()["message"]
    assert httpx.get(url).status_code == 405


def test_documents_arrive_by_the_sweep_when_every_webhook_is_lost(running: Running) -> None:
    uid = patient(running, "+919811200004")
    set_webhook_url(running, "http://127.0.0.1:9/")
    try:
        upload = paper(uid, "Placebin")
        running.edge.insert([upload])
        eventually(lambda: stored(running, upload["id"]))
    finally:
        set_webhook_url(running, running.facts["webhook_url"])


def set_webhook_url(running: Running, url: str) -> None:
    """Change where Supabase's trigger sends its hints."""
    running.supabase(
        "update vault.secrets set secret = %s where name = 'healbridge_webhook_url'", url
    )
