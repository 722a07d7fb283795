"""
A vendor that answers as a test wants, over HTTP on loopback: the real clients speak to it, and what
they make of an error tells a code and nothing of the vendor's text.
"""

from __future__ import annotations

import json
import logging
import threading
import traceback
from collections.abc import Callable, Generator
from contextlib import contextmanager

import pytest

from infra.local.loopback import JSON, LoopbackServer, Response
from shared import log
from shared.errors import SyncError

PLANTED = "Plantedsecret +919876543210 planted@example.com"
Answers = Callable[..., str]


@contextmanager
def vendor() -> Generator[Answers]:
    """
    Lend a function that serves one answer to everything and returns the server's address; status 0
    closes the connection without one.
    """
    servers: list[LoopbackServer] = []

    def answering(status: int, body: object = None, **headers: str) -> str:
        data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = Response(status, data, {"Content-Type": JSON} | named) if status else None
        servers.append(LoopbackServer(0, lambda _: answer))
        threading.Thread(target=servers[-1].serve_forever, args=(0.01,), daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].port}"

    yield answering
    for server in servers:
        server.shutdown()
        server.server_close()


@contextmanager
def becomes(
    kind: type[SyncError], code: str, caplog: pytest.LogCaptureFixture
) -> Generator[pytest.ExceptionInfo[SyncError]]:
    """Expect an error of exactly this kind and code, and none of the vendor's text anywhere."""
    log.quiet_vendors()
    with caplog.at_level(logging.INFO), pytest.raises(SyncError) as raised:
        yield raised
    error = raised.value
    assert (type(error), error.code) == (kind, code)
    assert "lanted" not in "".join(traceback.format_exception(error)) + caplog.text
