"""A line that is written while functions-framework serves arrives as it was written."""

from __future__ import annotations

import json
import re
from pathlib import Path

import functions_framework
import pytest

ROOT = Path(__file__).parents[2]
_GIVEN = re.search(r'LOG_EXECUTION_ID += "(\w+)"', (ROOT / "terraform/functions.tf").read_text())


def test_a_line_keeps_the_span_that_it_was_written_in(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # What Cloud Functions gives every function where nobody gives it anything else: "true".
    monkeypatch.setenv("LOG_EXECUTION_ID", _GIVEN[1] if _GIVEN else "true")
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "demo-test")
    app = functions_framework.create_app("patient_status", str(ROOT / "main.py"), "http")
    outside = {"X-Cloud-Trace-Context": "0af7651916cd43dd8448eb211c80319c/1234567890;o=0"}
    answer = app.test_client().get("/api/sync/patient/u1", headers=outside)
    assert answer.status_code == 401
    (line,) = [json.loads(text) for text in capsys.readouterr().out.splitlines()]
    assert line["message"] == "rejected"
    assert re.fullmatch(r"[0-9a-f]{16}", line["logging.googleapis.com/spanId"])
    assert line["logging.googleapis.com/trace"].startswith("projects/demo-test/traces/")
    assert "logging.googleapis.com/labels" not in line
