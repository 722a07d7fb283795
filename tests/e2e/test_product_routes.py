"""The product's own webhooks on the running stack, and the trace that they answer."""

from __future__ import annotations

import json
import time
from typing import Any

import httpx

from infra.local.demo.people import Person
from shared.access import webhook
from tests.e2e.conftest import Running, eventually
from tests.e2e.test_documents_chain import paper, patient


def announce(running: Running, path: str, body: dict[str, Any], secret: str = "") -> httpx.Response:
    data, stamp = json.dumps(body).encode(), int(time.time())
    key = secret or running.facts["webhook_secret"]
    headers = {
        "Content-Type": "application/json",
        "X-HealBridge-Timestamp": str(stamp),
        "X-HealBridge-Signature": webhook.sign(key, stamp, data),
    }
    url = f"{running.facts['steps_url']}/receive_announcement{path}"
    return httpx.post(url, content=data, headers=headers)


def steps_under(running: Running, trace: str) -> set[str]:
    """Return the steps that are done under a trace, once nothing of it is under way."""
    url = f"{running.facts['steps_url']}/sync_status/api/sync/trace/{trace}"

    def over() -> dict[str, Any] | None:
        answer = httpx.get(url).raise_for_status().json()
        return answer if answer["state"] == "done" else None

    return {entry["step"] for entry in eventually(over)["entries"] if entry["state"] == "done"}


def test_both_routes_answer_202_and_a_trace_that_leads_to_what_became_of_it(
    running: Running,
) -> None:
    person = Person("Route", "Person", "phone", "+919812200001", None)
    uid = running.app.sign_up(person)
    body = {"uid": uid, "email": None, "phoneNumber": "+919812200001"}
    answer = announce(running, "/firebase/user-created", body)
    assert answer.status_code == 202
    assert "store_user" in steps_under(running, answer.json()["trace_id"])

    upload = paper(patient(running, "+919812200002"), "Demoxil")
    running.edge.insert([upload])
    body = {"document_id": upload["id"], "patient_id": upload["patient_id"], "type": "lab"}
    answer = announce(running, "/supabase/document-processed", body)
    assert answer.status_code == 202
    assert "store_document" in steps_under(running, answer.json()["trace_id"])


def test_a_stranger_is_refused(running: Running) -> None:
    body = {"uid": "anybody", "email": None, "phoneNumber": None}
    answer = announce(running, "/firebase/user-created", body, secret="a guess")
    assert answer.status_code == 401
