"""Fixtures of the step tests: the whole deployment in memory, and its entry points over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Generator
from functools import cache
from pathlib import Path

import functions_framework
import pytest
from flask.testing import FlaskClient

from shared import clients, runtime
from shared.access.limits import Limit
from shared.events import Event, Ref, new_traceparent
from tests.memory.clients import MemoryClients
from tests.steps.google import Google, serving
from tests.steps.vendors import Answers, vendor

MAIN = Path(__file__).parents[2] / "main.py"
Send = Callable[..., None]


@pytest.fixture(name="to")
def _to() -> MemoryClients:
    return MemoryClients()


@pytest.fixture(name="send")
def _send(to: MemoryClients) -> Send:
    """Publish refs on a topic and deliver until all is quiet."""

    def send(topic: str, *refs: Ref) -> None:
        to.publish([Event(topic, refs, new_traceparent())])
        to.run()

    return send


@pytest.fixture(name="http")
def _http(to: MemoryClients, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], FlaskClient]:
    """Return a function's own web server, as functions-framework serves it when deployed."""
    monkeypatch.setattr(clients, "_current", to)
    monkeypatch.setattr(runtime, "_rejections", Limit(5))  # other tests may have used it up
    return _server


@cache
def _server(name: str) -> FlaskClient:
    return functions_framework.create_app(name, str(MAIN), "http").test_client()


@pytest.fixture(name="google")
def _google() -> Generator[Google]:
    """Google's public keys on a loopback server, and a signer with them."""
    with serving() as google:
        yield google


@pytest.fixture(name="answering")
def _answering() -> Generator[Answers]:
    """A vendor that answers everything alike."""
    with vendor() as answering:
        yield answering
