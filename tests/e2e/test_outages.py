"""A store that goes away loses nothing: messages wait and work resumes by itself."""

from __future__ import annotations

import os
import signal

import httpx
import pytest

from tests.e2e.conftest import Running, eventually
from tests.e2e.test_documents_chain import paper, patient, stored


@pytest.mark.parametrize("process", ["postgres", "supabase", "steps"])
def test_documents_arrive_although_a_process_is_killed_meanwhile(
    running: Running, process: str
) -> None:
    phone = f"+9198114{['postgres', 'supabase', 'steps'].index(process):05}"
    uid = patient(running, phone)
    uploads = [paper(uid, "Demoxil") for _ in range(20)]

    for number, upload in enumerate(uploads):
        running.edge.insert([upload])
        if number == 9:
            os.kill(running.stack.supervisor.pids()[process], signal.SIGKILL)
            eventually(lambda: alive(running, process))

    for upload in uploads:
        eventually(lambda upload=upload: stored(running, upload["id"]))


def alive(running: Running, process: str) -> bool:
    """Tell whether a killed process answers again."""
    try:
        if process == "postgres":
            return bool(running.core("select 1 as one"))
        return httpx.get(f"{running.stack.url(process)}/", timeout=2).status_code < 600
    except Exception:  # noqa: BLE001 - any failure means: not yet
        return False


def test_a_supabase_that_refuses_everything_for_a_while_only_delays(running: Running) -> None:
    uid = patient(running, "+919811500001")
    fault = {"status": 503, "count": 6, "path": "/rest/v1/documents", "method": "GET"}
    httpx.post(f"{running.facts['supabase_url']}/__fault", json=fault).raise_for_status()

    upload = paper(uid, "Testamol")
    running.edge.insert([upload])

    # Six refusals are more than the five deliveries before a dead letter: parked, with its reason,
    # or stored; never lost in silence.
    row = running.settled(upload["id"], "store_document", "done", "parked")
    assert row["error_code"] in {None, "supabase_503"}
    httpx.delete(f"{running.facts['supabase_url']}/__fault")
