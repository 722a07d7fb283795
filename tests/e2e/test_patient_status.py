"""What a patient's app is told about its own patient, and a stranger is not."""

from __future__ import annotations

from typing import Any

import httpx

from tests.e2e.conftest import Running, eventually
from tests.e2e.test_documents_chain import paper, patient


def ask(running: Running, path: str, token: str | None) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return httpx.get(f"{running.facts['steps_url']}/patient_status{path}", headers=headers)


def test_a_patient_sees_itself_and_when_its_upload_is_visible(running: Running) -> None:
    uid = patient(running, "+919812200001")
    patient(running, "+919812200002")
    token, stranger = (running.app.sign_in(f"+91981220000{n}") for n in (1, 2))
    upload = paper(uid, "Demoxil")
    running.edge.insert([upload])

    def visible() -> dict[str, Any] | None:
        answer = ask(running, f"/api/sync/visible/document/{upload['id']}", token)
        return answer.json() if answer.is_success and answer.json()["visible"] else None

    eventually(visible)
    own = ask(running, f"/api/sync/patient/{uid}", token)
    assert own.status_code == 200, own.text
    told = own.json()
    assert told.keys() >= {
        "postgres_user", "firebase_profile", "supabase_documents", "sync_logs",
    }  # fmt: skip
    assert ask(running, f"/api/sync/patient/{uid}", None).status_code == 401
    assert ask(running, f"/api/sync/patient/{uid}", stranger).status_code in {403, 404}
