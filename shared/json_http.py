"""
JSON over HTTP, on connections that are kept: all that the vendors' HTTP APIs ask for.

On urllib3, because the vendors' own packages cost most of a cold start (docs/decisions/0120).
HTTP/1.1 on purpose: with HTTP/2 and threads, requests fail when the server turns its connection
over. Nothing is sent twice: Pub/Sub redelivers, nobody else retries. No redirect is followed and no
proxy is taken from the environment: either could carry keys and rows elsewhere.
"""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

import certifi
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError

from shared.errors import TransientError

if TYPE_CHECKING:
    from urllib3.response import HTTPResponse
    from urllib3.util import Timeout

_KEPT = 20  # more than an instance has threads
# A server may close an idle connection while a request is on its way to it, and an instance that
# was throttled learns late that it did: what was idle for longer than this is not used again.
_IDLE_S = 5.0
_ENCODINGS = "gzip, deflate"
USER_AGENT = "healbridge-sync"  # gateways turn Python's libraries away by name, as scrapers


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of any status. Header names are found in any case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def ok(self) -> bool:
        """Whether the request was done."""
        return 200 <= self.status < 300

    def json(self) -> Any:
        """Return what the body says. Raise ValueError or RecursionError if it cannot be read."""
        return json.loads(self.body)

    def said(self) -> dict[str, Any] | None:
        """Return the body's JSON object; None for anything else, as a gateway's page is."""
        try:
            parsed = self.json()
        except (ValueError, RecursionError):
            return None
        return cast("dict[str, Any]", parsed) if isinstance(parsed, dict) else None


class JsonHttp:
    """
    Sends to one server, from any thread. `peer` begins the code of its errors, `timeout_s` is for
    connecting and for each wait on the wire, `kept` how many connections may lie idle.
    """

    def __init__(
        self, peer: str, url: str, headers: Mapping[str, str], timeout_s: float, kept: int = _KEPT
    ) -> None:
        self._peer, self._path = peer, urlsplit(url).path.rstrip("/")
        self._headers = {
            "User-Agent": USER_AGENT,
            "Accept-Encoding": _ENCODINGS,
            **headers,
        }
        self._pool = connections(url, timeout_s, kept)

    def send(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """
        Send one request, with `body` as JSON, and return its answer.

        Raise TransientError (<peer>_unreachable) if none came, or not all of it: the request may
        have been done. Raise ValueError or RecursionError for a body that is no JSON.
        """
        content = None if body is None else encoded(body)
        try:
            answer = self._pool.urlopen(
                method,
                self._path + path,
                body=content,
                headers={**self._headers, **(headers or {})},
                retries=False,
                redirect=False,
            )
        except HTTPError:
            raise TransientError(f"{self._peer}_unreachable") from None
        return Answer(answer.status, answer.headers, answer.data)

    def close(self) -> None:
        """Close the connections."""
        self._pool.close()


def encoded(body: Any) -> bytes:
    """Return JSON as the vendors' packages write it: compact, and text as it is."""
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.encode()


class _Plain(HTTPConnection):
    """A connection that ends when it was idle for too long."""

    answered = 0.0

    def getresponse(self) -> HTTPResponse:
        answer = super().getresponse()
        self.answered = time.monotonic()
        return answer

    @property
    def is_connected(self) -> bool:
        """Asked by the pool before it uses a connection again, with a look at the socket."""
        return super().is_connected and time.monotonic() - self.answered < _IDLE_S


class _Secure(HTTPSConnection, _Plain):
    """The same over TLS."""


def connections(url: str, timeout: float | Timeout, kept: int = _KEPT) -> HTTPConnectionPool:
    """Return connections to one server, of which `kept` may lie idle."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port
    if parts.scheme == "http":
        pool = HTTPConnectionPool(host, port, timeout=timeout, maxsize=kept)
        pool.ConnectionCls = cast("Any", _Plain)
        return pool
    # One context for all connections: making one takes 17 ms.
    context = ssl.create_default_context(cafile=certifi.where())
    secure = HTTPSConnectionPool(host, port, timeout=timeout, maxsize=kept, ssl_context=context)
    secure.ConnectionCls = cast("Any", _Secure)
    return secure
