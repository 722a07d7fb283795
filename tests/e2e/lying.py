"""
Vendors that lie between truths: proxies before the stack's parts whose errors quote what they know.

A proxy stands where a function looks for a vendor and passes everything on to the real part. While
it lies, every second request is answered with the next of its errors instead, in all of which stand
the planted texts; a stubborn one answers every request so.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import cycle
from typing import Any

import grpc

CLOSED, GARBAGE = 0, 299  # the connection ends without an answer; a success that is no JSON
STATUSES = (400, 401, 403, 404, 409, 413, 422, 429, 500, 502, 503, CLOSED, GARBAGE)
CODES = tuple(code for code in grpc.StatusCode if code is not grpc.StatusCode.OK)
WORDS = (*(code.name for code in CODES), CLOSED, GARBAGE)  # of Google over HTTP


@dataclass
class Vendor:
    """When a vendor lies, and what it has answered."""

    name: str
    planted: str
    errors: tuple[Any, ...] = STATUSES
    lying: bool = False
    stubborn: bool = False
    told: set[Any] = field(default_factory=set[Any])
    asked: int = 0
    _next: Iterator[Any] = field(init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._next = cycle(self.errors)

    def lie(self) -> Any:
        """Return the error to answer a request with, or None for the truth."""
        with self._lock:
            self.asked += 1
            if not self.stubborn and not (self.lying and self.asked % 2):
                return None
            error = next(self._next)
            self.told.add(error)
            return error

    @property
    def exhausted(self) -> bool:
        """Whether every error was answered."""
        return self.told == set(self.errors)


def body_of(status: int, planted: str, word: str | None = None) -> bytes:
    """
    Return an error in the words of all vendors at once: each reads its own fields. `word` is
    Google's for it, by default a planted one.
    """
    if status == GARBAGE:
        return f"{planted} is no JSON".encode()
    return json.dumps(
        {
            # PostgREST
            "code": "23505", "message": f"duplicate key {planted}", "hint": planted,
            "details": f"Failing row contains ({planted}).",
            # GoTrue
            "error_code": "email_exists", "msg": planted,
            # OpenAI, Google, Cloud Messaging
            "error": {
                "code": status, "message": planted, "type": planted, "param": planted,
                "status": word or planted, "errors": [{"message": planted, "reason": planted}],
                "details": [{"@type": "type.googleapis.com/google.rpc.BadRequest",
                             "fieldViolations": [{"field": planted, "description": planted}]}],
            },
        }
    ).encode()  # fmt: skip


class _Proxy(BaseHTTPRequestHandler):
    vendor: Vendor
    port: int
    protocol_version = "HTTP/1.1"

    def handle_one_request(self) -> None:
        self.raw_requestline = self.rfile.readline(65537)
        if not self.raw_requestline or not self.parse_request():
            self.close_connection = True
            return
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        error = self.vendor.lie()
        if error == CLOSED:
            self.close_connection = True
        elif isinstance(error, str):
            kind, answer = "application/json", body_of(400, self.vendor.planted, error)
            self._answer(400, {"Content-Type": kind}, answer)
        elif error is not None:
            kind = "text/plain" if error == GARBAGE else "application/json"
            answer = body_of(error, self.vendor.planted)
            self._answer(200 if error == GARBAGE else error, {"Content-Type": kind}, answer)
        else:
            self._pass_on(body)

    def _pass_on(self, body: bytes) -> None:
        real = HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            own = {k: v for k, v in self.headers.items() if k.lower() != "connection"}
            real.request(self.command, self.path, body or None, own)
            answer = real.getresponse()
            content = answer.read()
        except OSError:
            self.close_connection = True
            return
        finally:
            real.close()
        hops = {"transfer-encoding", "content-length", "connection"}
        headers = {k: v for k, v in answer.getheaders() if k.lower() not in hops}
        self._answer(answer.status, headers, content, length=answer.getheader("Content-Length"))

    def _answer(
        self, status: int, headers: dict[str, str], body: bytes, length: str | None = None
    ) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status not in {204, 304}:
            heading = self.command == "HEAD" and length is not None
            self.send_header("Content-Length", str(length) if heading else str(len(body)))
        self.end_headers()
        if self.command != "HEAD" and status not in {204, 304}:
            self.wfile.write(body)


@contextmanager
def over_http(vendor: Vendor, port: int) -> Generator[str]:
    """Stand before a part of the stack that speaks HTTP; give the proxy's host:port."""
    handler = type("Proxy", (_Proxy,), {"vendor": vendor, "port": port})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def over_grpc(vendor: Vendor, host: str) -> Generator[str]:
    """Stand before a part that speaks gRPC: one answer is, on the wire, a stream of one."""
    options = [("grpc.max_receive_message_length", -1)]
    channel = grpc.insecure_channel(host, options)

    class Everything(grpc.GenericRpcHandler):
        def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
            method: str = handler_call_details.method  # pyright: ignore[reportAttributeAccessIssue]

            def answer(request: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
                if error := vendor.lie():
                    context.abort(error, vendor.planted)
                metadata = [(k, v) for k, v in context.invocation_metadata() if k[0] != ":"]
                kept = [(k, v) for k, v in metadata if k not in {"user-agent", "te"}]
                try:
                    yield from channel.unary_stream(method)(
                        request, metadata=tuple(kept), timeout=60
                    )
                except grpc.RpcError as refusal:
                    told: Any = refusal
                    context.abort(told.code(), told.details())

            return grpc.unary_stream_rpc_method_handler(answer)

    server = grpc.server(ThreadPoolExecutor(64), handlers=[Everything()], options=options)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(0).wait()
        channel.close()
