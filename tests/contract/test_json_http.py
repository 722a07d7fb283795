"""JSON over HTTP: connections are kept, and nothing is sent twice, elsewhere or in the clear."""

from __future__ import annotations

import gzip
import json
import socket
import socketserver
import ssl
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat
from pathlib import Path
from typing import Any

import certifi
import pytest

from shared import json_http
from shared.errors import TransientError
from shared.json_http import JsonHttp
from tests.contract.serving import self_signed, serving

LEAVE = b""  # instead of an answer


class _Connection(socketserver.StreamRequestHandler):
    """Notes the requests of a connection and answers each as the test wants."""

    server: Any

    def handle(self) -> None:
        self.server.connections.append(self.client_address)
        while line := self.rfile.readline():
            size = 0
            while (header := self.rfile.readline()) not in {b"\r\n", b""}:
                if header.lower().startswith(b"content-length:"):
                    size = int(header.split(b":")[1])
            self.server.requests.append((line.decode().split(" ")[1], self.rfile.read(size)))
            answer = self.server.answers(len(self.server.requests), self.server.requests[-1])
            self.wfile.write(answer)
            if answer == LEAVE or self.server.leaves:
                return


class Server(socketserver.ThreadingTCPServer):
    """Keeps connections open until it is told to leave after each answer, without a word."""

    daemon_threads = True
    allow_reuse_address = True
    leaves = False

    def __init__(self) -> None:
        self.connections: list[Any] = []
        self.requests: list[tuple[str, bytes]] = []
        self.answers: Callable[[int, tuple[str, bytes]], bytes] = lambda _number, _sent: ok()
        super().__init__(("127.0.0.1", 0), _Connection)


def ok(value: object = None, *headers: str, body: bytes | None = None, more: int = 0) -> bytes:
    body = json.dumps(value).encode() if body is None else body
    lines = ["HTTP/1.1 200 OK", f"Content-Length: {len(body) + more}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


@pytest.fixture(name="server")
def _server() -> Generator[Server]:
    server = Server()
    with serving(server):
        yield server


def connected(server: Server, scheme: str = "http", timeout_s: float = 10) -> JsonHttp:
    return JsonHttp("peer", f"{scheme}://localhost:{server.server_address[1]}/base/", {}, timeout_s)


@pytest.fixture(name="http")
def _http(server: Server) -> Generator[JsonHttp]:
    http = connected(server)
    yield http
    http.close()


def test_a_connection_is_kept_for_the_next_request(server: Server, http: JsonHttp) -> None:
    server.answers = lambda number, _sent: ok({"n": number})
    said = [http.send("POST", "/path?a=b", {"text": "रोगी"}).said() for _ in range(3)]
    assert said == [{"n": 1}, {"n": 2}, {"n": 3}]
    assert server.requests == [("/base/path?a=b", '{"text":"रोगी"}'.encode())] * 3
    assert len(server.connections) == 1


def test_a_connection_that_was_idle_for_long_is_not_used_again(
    server: Server, http: JsonHttp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_http, "_IDLE_S", 0.0)
    assert [http.send("GET", "/").status for _ in range(3)] == [200] * 3
    assert len(server.connections) == 3


def test_a_connection_that_the_server_left_is_made_again(server: Server, http: JsonHttp) -> None:
    server.leaves = True
    for number in range(1, 4):
        assert http.send("POST", "/", {}).ok
        left(http)
        assert len(server.connections) == number
    assert len(server.requests) == 3


def left(http: JsonHttp) -> None:
    """Wait until the server's good-bye lies at the kept connection."""
    kept: Any = http._pool.pool
    (connection,) = [c for c in kept.queue if c is not None and c.sock is not None]
    assert connection.sock.recv(1, socket.MSG_PEEK) == b""


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_a_request_that_met_a_leaving_server_is_not_sent_twice(
    server: Server, http: JsonHttp, method: str
) -> None:
    server.answers = lambda number, _sent: LEAVE if number == 2 else ok()
    assert http.send(method, "/", {"first": 1}).ok
    with pytest.raises(TransientError, match=r"^peer_unreachable$") as raised:
        http.send(method, "/", {"second": 2})
    assert raised.value.__suppress_context__
    assert [body for _, body in server.requests] == [b'{"first":1}', b'{"second":2}']
    assert http.send(method, "/", {"third": 3}).ok


def test_an_answer_that_was_cut_short_is_none(server: Server, http: JsonHttp) -> None:
    server.answers = lambda _number, _sent: ok([1, 2], more=1)
    server.leaves = True
    with pytest.raises(TransientError, match=r"^peer_unreachable$"):
        http.send("GET", "/")


def test_a_server_that_does_not_answer_in_time_is_not_reached(server: Server) -> None:
    server.answers = lambda _number, _sent: b"HTTP/1.1 100 Continue\r\n"  # and nothing more
    http = connected(server, timeout_s=0.05)
    with pytest.raises(TransientError, match=r"^peer_unreachable$"):
        http.send("GET", "/")
    http.close()


def test_a_server_that_is_not_there_is_not_reached() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(TransientError, match=r"^peer_unreachable$"):
        JsonHttp("peer", f"http://127.0.0.1:{port}", {}, 1).send("GET", "/")


def test_a_redirect_is_not_followed(server: Server, http: JsonHttp) -> None:
    body = b"HTTP/1.1 307 Elsewhere\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n"
    server.answers = lambda _number, _sent: body
    assert http.send("POST", "/", {}).status == 307
    assert len(server.requests) == 1


def test_no_proxy_of_the_environment_is_asked(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    http = connected(server)
    assert http.send("GET", "/").ok
    http.close()


def test_a_compressed_answer_is_read(server: Server, http: JsonHttp) -> None:
    packed = gzip.compress(b'{"a": 1}')
    server.answers = lambda _number, _sent: ok(None, "Content-Encoding: gzip", body=packed)
    assert http.send("GET", "/").said() == {"a": 1}


@pytest.mark.parametrize("body", [b"[]", b"{", b"\xff", b"", b'{"a":' + b"[" * 100_000])
def test_what_is_no_object_says_nothing(server: Server, http: JsonHttp, body: bytes) -> None:
    server.answers = lambda _number, _sent: ok(body=body)
    assert http.send("GET", "/").said() is None


def test_every_thread_gets_its_own_answer(server: Server, http: JsonHttp) -> None:
    server.answers = lambda _number, sent: ok(body=sent[1])
    bodies = [{"n": n} for n in range(400)]
    with ThreadPoolExecutor(8) as threads:
        answers = threads.map(http.send, repeat("POST"), repeat("/"), bodies)
    assert [answer.said() for answer in answers] == bodies
    assert len(server.connections) <= 8


@pytest.fixture(name="secured")
def _secured(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], JsonHttp]:
    """Serve over TLS with the certificate of a host, which is trusted."""

    def secured(host: str) -> JsonHttp:
        certificate = self_signed(host, tmp_path)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        monkeypatch.setattr(certifi, "where", lambda: str(certificate))
        return connected(server, "https")

    return secured


def test_a_connection_over_tls_is_kept_too(
    server: Server, secured: Callable[[str], JsonHttp]
) -> None:
    http = secured("localhost")
    assert [http.send("GET", "/").status for _ in range(3)] == [200] * 3
    assert len(server.connections) == 1
    http.close()


def test_a_certificate_of_another_name_is_refused(
    server: Server, secured: Callable[[str], JsonHttp]
) -> None:
    http = secured("other.example.com")
    with pytest.raises(TransientError, match=r"^peer_unreachable$"):
        http.send("POST", "/", {})
    assert server.requests == []


def test_a_certificate_that_nobody_vouches_for_is_refused(
    server: Server, secured: Callable[[str], JsonHttp], monkeypatch: pytest.MonkeyPatch
) -> None:
    secured("localhost").close()
    monkeypatch.undo()
    http = connected(server, "https")
    with pytest.raises(TransientError, match=r"^peer_unreachable$"):
        http.send("POST", "/", {})
    assert server.requests == []
