"""Log lines hold allow-listed fields only, in the form Cloud Logging reads."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from shared import log
from shared.errors import SettingMissingError
from shared.observability import tracing


def line(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    (written,) = capsys.readouterr().out.splitlines()
    return json.loads(written)


def test_a_line_is_one_json_object(capsys: pytest.CaptureFixture[str]) -> None:
    log.event("delivered", step="store_user", count=3, ms=12)
    assert line(capsys) == {
        "severity": "INFO",
        "message": "delivered",
        "step": "store_user",
        "count": 3,
        "ms": 12,
    }


@pytest.mark.parametrize("field", ["email", "phone", "name", "uid", "key", "body", "error", "text"])
def test_a_field_that_is_not_allowed_is_refused_and_nothing_is_written(
    capsys: pytest.CaptureFixture[str], field: str
) -> None:
    with pytest.raises(TypeError, match=field):
        log.event("delivered", **{field: "asha@example.com"})
    assert capsys.readouterr().out == ""


def test_a_refusal_of_a_field_does_not_quote_its_value() -> None:
    with pytest.raises(TypeError) as raised:
        log.event("delivered", email="asha@example.com")
    assert "asha" not in str(raised.value)


def test_a_field_without_value_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    log.event("refused", severity="ERROR", code=None, count=0)
    assert line(capsys) == {"severity": "ERROR", "message": "refused", "count": 0}


def test_a_line_break_in_a_value_does_not_forge_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    log.event("rejected", code='x\n{"severity": "INFO"}')
    assert line(capsys)["code"] == 'x\n{"severity": "INFO"}'


def test_the_trace_is_named_as_cloud_logging_joins_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    log.event("delivered")
    assert "googleapis" not in json.dumps(line(capsys))
    with tracing.invocation("reconcile"):
        _, trace_id, span_id, _ = tracing.here().split("-")
        log.event("delivered")
        written = line(capsys)
        assert written["logging.googleapis.com/trace"] == f"projects/demo-test/traces/{trace_id}"
        assert written["logging.googleapis.com/spanId"] == span_id
        monkeypatch.delenv("GOOGLE_CLOUD_PROJECT")
        log.event("delivered")
        assert "googleapis" not in json.dumps(line(capsys))


def test_a_fingerprint_is_the_same_for_the_same_key_and_tells_nothing_without_the_secret(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FINGERPRINT_KEY", "one")
    first = log.fingerprint("u1")
    assert first == log.fingerprint("u1") != log.fingerprint("u2")
    assert len(first) == 16
    monkeypatch.setenv("FINGERPRINT_KEY", "two")
    assert log.fingerprint("u1") != first


def test_without_its_key_there_is_no_fingerprint_and_the_setting_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("FINGERPRINT_KEY")
    with pytest.raises(SettingMissingError, match="FINGERPRINT_KEY"):
        log.fingerprint("u1")


def test_libraries_that_log_what_they_send_are_silenced(caplog: pytest.LogCaptureFixture) -> None:
    for name in ("httpx", "httpcore", "urllib3", "google", "psycopg"):
        logging.getLogger(name).setLevel(logging.NOTSET)
    log.quiet_vendors()
    with caplog.at_level(logging.DEBUG):
        for name in ("httpx", "httpcore.http11", "urllib3.connectionpool", "psycopg.pool"):
            logging.getLogger(name).info("GET /rest/v1/documents?patient_id=eq.u1")
    assert caplog.records == []
