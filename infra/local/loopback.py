"""
A small threaded HTTP/1.1 server on 127.0.0.1, for the stand-ins of hosted services.

`http.server` parses headers with the e-mail parser and logs every request line; this reads the
same protocol several times faster and logs nothing, since a request may hold personal data.
One thread per connection, keep-alive, bodies with Content-Length; no TLS, no chunked requests.
"""

from __future__ import annotations

import contextlib
import signal
import socketserver
import sys
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from io import BufferedIOBase
from urllib.parse import parse_qsl, unquote, urlsplit

MAX_BODY_BYTES = 64 * 2**20
MAX_LINE_BYTES = 64 * 2**10
JSON = "application/json; charset=utf-8"
REASONS = {status.value: status.phrase for status in HTTPStatus}


@dataclass(slots=True, frozen=True)
class Request:
    """One request; header names are lower-case, path and query are decoded."""

    method: str
    path: str
    query: list[tuple[str, str]]
    headers: dict[str, str]
    body: bytes


@dataclass(slots=True, frozen=True)
class Response:
    """One answer; a status that allows no body (204, 304) sends none."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


Handler = Callable[[Request], "Response | None"]
"""Answers a request; None closes the connection without an answer, as a crash would."""


class _UnreadableError(Exception):
    """A request that cannot be read; the status to answer before closing the connection."""

    def __init__(self, status: int) -> None:
        super().__init__(REASONS[status])
        self.status = status


class _Connection(socketserver.StreamRequestHandler):
    """Serves the requests of one connection, one after the other."""

    disable_nagle_algorithm = True
    server: LoopbackServer  # pyright: ignore[reportIncompatibleVariableOverride]

    def handle(self) -> None:
        """Answer until the peer leaves or asks to close."""
        with contextlib.suppress(ConnectionError, TimeoutError):
            while self._serve_one():
                pass

    def _serve_one(self) -> bool:
        try:
            request = _read(self.rfile, self.wfile)
        except _UnreadableError as refusal:
            self.wfile.write(_encode(Response(refusal.status), "GET", close=True))
            return False
        if request is None:
            return False
        response = self.server.answer(request)
        if response is None:
            return False
        close = request.headers.get("connection", "").lower() == "close"
        self.wfile.write(_encode(response, request.method, close=close))
        return not close


class LoopbackServer(socketserver.ThreadingTCPServer):
    """Serves `handler` on 127.0.0.1; port 0 picks a free one (see `port`)."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 256

    def __init__(self, port: int, handler: Handler) -> None:
        self._handler = handler
        super().__init__(("127.0.0.1", port), _Connection)

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self.server_address[1])

    def answer(self, request: Request) -> Response | None:
        """Answer one request; a bug of the stand-in is a 500 and a traceback without values."""
        try:
            return self._handler(request)
        except Exception as bug:  # noqa: BLE001 - the connection must get an answer
            frames = "".join(traceback.format_tb(bug.__traceback__))
            sys.stderr.write(f"{type(bug).__name__} in a stand-in:\n{frames}")
            return Response(500, b"the stand-in itself failed; see its log\n")


def serve_until_signalled(server: LoopbackServer) -> None:
    """Serve until SIGTERM or SIGINT, then return. Call it from the main thread."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stop.set())
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1})
    thread.start()
    sys.stdout.write(f"listening on 127.0.0.1:{server.port}\n")
    sys.stdout.flush()
    stop.wait()
    server.shutdown()
    thread.join()
    server.server_close()


def _read(source: BufferedIOBase, answer: BufferedIOBase) -> Request | None:
    """Read one request; None when the peer has left."""
    line = _line(source)
    if not line:
        return None
    try:
        method, target, _version = line.split(" ")
    except ValueError:
        raise _UnreadableError(400) from None
    headers = _headers(source)
    if "transfer-encoding" in headers:
        raise _UnreadableError(411)
    size = headers.get("content-length", "0")
    if not size.isdigit():
        raise _UnreadableError(400)
    if int(size) > MAX_BODY_BYTES:
        raise _UnreadableError(413)
    if headers.get("expect", "").lower() == "100-continue":
        answer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    body = source.read(int(size))
    if len(body) < int(size):
        return None
    url = urlsplit(target)
    query = parse_qsl(url.query, keep_blank_values=True) if url.query else []
    return Request(method, unquote(url.path), query, headers, body)


def _headers(source: BufferedIOBase) -> dict[str, str]:
    headers: dict[str, str] = {}
    while line := _line(source):
        name, colon, value = line.partition(":")
        if not colon:
            raise _UnreadableError(400)
        headers[name.lower()] = value.strip()
    return headers


def _line(source: BufferedIOBase) -> str:
    """Read one line without its end; empty at the end of the headers or of the stream."""
    line = source.readline(MAX_LINE_BYTES + 1)
    if len(line) > MAX_LINE_BYTES:
        raise _UnreadableError(431)
    return line.rstrip(b"\r\n").decode("latin-1")


def _encode(response: Response, method: str, *, close: bool) -> bytes:
    head = [f"HTTP/1.1 {response.status} {REASONS.get(response.status, 'Unknown')}"]
    head += [f"{name}: {value}" for name, value in response.headers.items()]
    bodiless = response.status in {204, 304}
    if not bodiless:
        head.append(f"Content-Length: {len(response.body)}")
    if close:
        head.append("Connection: close")
    start = ("\r\n".join(head) + "\r\n\r\n").encode("latin-1")
    return start if bodiless or method == "HEAD" else start + response.body
