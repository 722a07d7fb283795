"""PDFs from web servers: allow-listed hosts at public addresses, over real TLS."""

from __future__ import annotations

import socketserver
import ssl
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest

from shared.errors import PermanentError, TransientError
from shared.papers.pdf_stream import PdfMissingError
from shared.papers.pdf_urls import WebPlace
from shared.stores import web_pdfs
from shared.stores.web_pdfs import WebPdfs, public_address
from tests.contract.serving import self_signed, serving

HOST = "files.example.com"
PLACE = WebPlace(f"https://{HOST}/rx 1.pdf?v=2", HOST)
PDF = b"%PDF-1.4 made up"


@pytest.fixture(scope="module", name="certificate")
def _certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return self_signed(HOST, tmp_path_factory.mktemp("tls"))


class _Answering(socketserver.StreamRequestHandler):
    """Notes the request's head and answers what the test wants, then closes."""

    server: Any

    def handle(self) -> None:
        head = b""
        while (line := self.rfile.readline()) not in {b"\r\n", b""}:
            head += line
        self.server.heads.append(head.decode())
        self.wfile.write(self.server.answer)


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


Serve = Callable[[bytes], tuple[WebPdfs, list[str]]]


@pytest.fixture(name="serve")
def _serve(certificate: Path) -> Generator[Serve]:
    server: Any = _Server(("127.0.0.1", 0), _Answering)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.heads = []
    trusting = ssl.create_default_context(cafile=str(certificate))
    with serving(server) as port:

        def serve(answer: bytes) -> tuple[WebPdfs, list[str]]:
            server.answer = answer
            pdfs = WebPdfs(lambda _host: "127.0.0.1", port=port, context=trusting)
            return pdfs, server.heads

        yield serve


def answer(status: str, body: bytes = b"", *headers: str, length: int | None = None) -> bytes:
    size = len(body) if length is None else length
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {size}", "Connection: close", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def fetch(pdfs: WebPdfs, etag: str | None = None) -> bytes | None:
    with pdfs.open(PLACE, etag) as stream:
        if stream is None:
            return None
        content = b"".join(bytes(part) for part in stream.parts())
        stream.check()
        return content


def test_a_pdf_is_fetched_from_the_checked_address_under_its_own_name(serve: Serve) -> None:
    pdfs, heads = serve(answer("200 OK", PDF, 'ETag: "a"'))
    with pdfs.open(PLACE, None) as stream:
        assert stream is not None
        assert (stream.etag, stream.size) == ('"a"', len(PDF))
        assert b"".join(bytes(part) for part in stream.parts()) == PDF
    assert heads[0].startswith("GET /rx%201.pdf?v=2 HTTP/1.1")
    assert f"\r\nhost: {HOST}\r\n" in heads[0].lower()
    assert "\r\nuser-agent: healbridge-sync\r\n" in heads[0].lower()


def test_a_certificate_of_another_name_is_refused(serve: Serve) -> None:
    pdfs, _ = serve(answer("200 OK", PDF))
    elsewhere = WebPlace("https://other.example.com/rx.pdf", "other.example.com")
    with pytest.raises(TransientError, match="pdf_host_unreachable"), pdfs.open(elsewhere, None):
        pass


def test_an_unchanged_pdf_is_not_sent(serve: Serve) -> None:
    pdfs, heads = serve(answer("304 Not Modified"))
    assert fetch(pdfs, '"a"') is None
    assert 'if-none-match: "a"' in heads[0].lower()


@pytest.mark.parametrize("status", ["404 Not Found", "410 Gone"])
def test_what_is_not_there_is_missing(serve: Serve, status: str) -> None:
    with pytest.raises(PdfMissingError):
        fetch(serve(answer(status))[0])


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "304 Not Modified", "307 Temporary"])
def test_a_redirect_is_not_followed(serve: Serve, status: str) -> None:
    redirect = answer(status, b"", "Location: https://169.254.169.254/latest")
    with pytest.raises(PermanentError, match="pdf_host_not_allowed"):
        fetch(serve(redirect)[0])


@pytest.mark.parametrize("status", [401, 403, 408, 429, 500, 503])
def test_a_server_that_refuses_is_waited_for(serve: Serve, status: int) -> None:
    with pytest.raises(TransientError, match=f"pdf_http_{status}"):
        fetch(serve(answer(f"{status} Refused"))[0])


def test_an_answer_that_breaks_off_is_an_error(serve: Serve) -> None:
    with pytest.raises(TransientError, match="pdf_host_unreachable"):
        fetch(serve(answer("200 OK", PDF, length=len(PDF) + 1))[0])


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["10.0.0.8"],
        ["192.168.1.1"],
        ["169.254.169.254"],
        ["100.64.0.1"],
        ["0.0.0.0"],  # noqa: S104
        ["::1"],
        ["fd00::1"],
        ["fe80::1"],
        ["::ffff:127.0.0.1"],
        ["8.8.8.8", "10.0.0.8"],
    ],
)
def test_a_host_with_an_address_that_is_not_public_is_refused(
    monkeypatch: pytest.MonkeyPatch, addresses: list[str]
) -> None:
    monkeypatch.setattr(web_pdfs.socket, "getaddrinfo", resolving(*addresses))
    with pytest.raises(PermanentError, match="pdf_host_not_allowed"):
        public_address(HOST)


def test_a_public_host_is_resolved_once_to_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_pdfs.socket, "getaddrinfo", resolving("8.8.8.8"))
    assert public_address(HOST) == "8.8.8.8"
    monkeypatch.setattr(web_pdfs.socket, "getaddrinfo", resolving("2001:4860:4860::8888"))
    assert public_address(HOST) == "2001:4860:4860::8888"


def test_a_host_that_nobody_knows_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: Any, **__: Any) -> Any:
        raise OSError

    monkeypatch.setattr(web_pdfs.socket, "getaddrinfo", unknown)
    with pytest.raises(TransientError, match="pdf_host_unknown"):
        public_address(HOST)


def resolving(*addresses: str) -> Callable[..., list[Any]]:
    return lambda *_, **__: [(0, 0, 0, "", (address, 443)) for address in addresses]
