"""One caller cannot take all of a public function, nor its memory; the others notice nothing."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from shared import catalog, runtime
from shared.access import limits
from shared.access.limits import MAX_CALLERS, Limit, address
from shared.errors import RequestError
from tests.memory.clients import MemoryClients


class Clock:
    """A time that passes when told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_caller_has_a_burst_and_then_the_rate() -> None:
    clock = Clock()
    limit = Limit(5, clock)
    burst = sum(limit.take("a") == 0 for _ in range(100))
    assert burst == limit.burst == 20
    assert limit.take("a") == pytest.approx(0.2)
    clock.now += 1
    assert sum(limit.take("a") == 0 for _ in range(100)) == 5
    clock.now += 3600
    assert sum(limit.take("a") == 0 for _ in range(100)) == burst
    clock.now -= 3600  # a clock that is put back gives nothing and takes nothing
    assert limit.take("a") > 0


def test_one_callers_flood_costs_another_nothing() -> None:
    limit = Limit(5, Clock())
    for _ in range(1000):
        limit.take("flood")
    assert limit.take("other") == 0


def test_callers_seen_longest_ago_are_forgotten_so_that_memory_stays_bounded() -> None:
    limit = Limit(5, Clock())
    for number in range(3 * MAX_CALLERS):
        limit.take(str(number))
    assert len(limit) == MAX_CALLERS


@pytest.mark.parametrize(
    ("forwarded_for", "peer", "expected"),
    [
        ("203.0.113.7", "10.0.0.1", "203.0.113.7"),
        ("1.2.3.4, 203.0.113.7", "10.0.0.1", "203.0.113.7"),  # what came before is made up
        ("", "10.0.0.1", "10.0.0.1"),
        ("", None, ""),
        ("2001:db8::1", None, "2001:db8::/64"),
        ("2001:db8::ffff", None, "2001:db8::/64"),
        ("x" * 1000, None, "x" * 64),
    ],
)
def test_a_caller_is_who_googles_front_end_says(
    forwarded_for: str, peer: str | None, expected: str
) -> None:
    assert address(forwarded_for, peer) == expected


def test_every_public_function_limits_its_callers(to: MemoryClients) -> None:
    public = {f.name for f in catalog.load().functions.values() if f.trigger.get("public")}
    assert to.limits.keys() == public
    assert "receive_document" in public


def test_a_caller_of_the_webhook_who_asks_too_often_is_told_when_to_come_again(
    to: MemoryClients, http: Callable[[str], FlaskClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEBHOOK_SECRET", "the live secret")
    monkeypatch.setattr(to, "now", lambda: 0.0)
    to.limits["receive_document"] = Limit(0.1, to.now)
    client = http("receive_document")
    statuses = [client.post("/", json={}).status_code for _ in range(12)]
    assert statuses == [401] * 10 + [429] * 2
    answer = client.post("/", json={})
    assert answer.get_json() == {"error": "too_many_requests", "message": "ask less often"}
    assert int(answer.headers["Retry-After"]) > 0
    elsewhere = client.post("/", json={}, headers={"X-Forwarded-For": "203.0.113.7"})
    assert elsewhere.status_code == 401


def test_a_flood_of_rejections_is_no_flood_of_lines_and_none_goes_uncounted(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr(runtime, "_rejections", limits.Limit(5, clock))
    for _ in range(1000):
        runtime.note_rejection("receive_document", RequestError(401, "signature", "no"))
    clock.now += 1
    runtime.note_rejection("receive_document", RequestError(401, "signature", "no"))
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(lines) == 21
    assert sum(line.get("count", 1) for line in lines) == 1001
