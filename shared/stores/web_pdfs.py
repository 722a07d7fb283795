"""
PDFs on web servers other than S3, without becoming a way into our own network.

Only hosts of the allow-list are asked, over https and without following redirects. The host is
resolved once, every address must be public, and the connection goes to the address that was
checked: a name that resolves differently a moment later gains nothing. The certificate is still
checked against the name.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import certifi
from urllib3 import HTTPSConnectionPool
from urllib3.exceptions import HTTPError

from shared.errors import PermanentError, SyncError, TransientError
from shared.json_http import USER_AGENT
from shared.observability import tracing
from shared.papers.pdf_stream import PdfMissingError, PdfStream

if TYPE_CHECKING:
    from collections.abc import Generator

    from urllib3.response import BaseHTTPResponse

    from shared.papers.pdf_urls import WebPlace

_TIMEOUT_S = 30.0
_READ = 256 * 1024


def public_address(host: str) -> str:
    """
    Return an address of the host to connect to.

    Raise PermanentError (pdf_host_not_allowed) if any of its addresses is not public.
    """
    try:
        found = socket.getaddrinfo(host, 443, type=socket.SOCK_STREAM)
    except OSError:
        raise TransientError("pdf_host_unknown") from None
    addresses = [ipaddress.ip_address(entry[4][0]) for entry in found]
    if not addresses or not all(address.is_global for address in addresses):
        raise PermanentError("pdf_host_not_allowed")
    return str(addresses[0])


class WebPdfs:
    """Opens PDFs on web servers. `resolve` returns the address to connect to."""

    def __init__(
        self,
        resolve: Callable[[str], str] = public_address,
        *,
        port: int = 443,
        context: ssl.SSLContext | None = None,
    ) -> None:
        self._resolve, self._port = resolve, port
        self._context = context or ssl.create_default_context(cafile=certifi.where())

    @contextmanager
    def open(self, place: WebPlace, etag: str | None) -> Generator[PdfStream | None]:
        """Open a PDF; None if it still has this tag."""
        url = urlsplit(place.url)
        path = (url.path or "/") + (f"?{url.query}" if url.query else "")
        headers = {"Host": place.host, "Accept-Encoding": "identity", "User-Agent": USER_AGENT}
        # A connection a PDF: one that is kept would be lent to another name at the same address.
        with self._server(place.host) as server:
            with tracing.call("pdf", "get"), _translated():
                answer = server.urlopen(
                    "GET",
                    path,
                    headers=headers | ({"If-None-Match": etag} if etag else {}),
                    preload_content=False,
                    redirect=False,
                    retries=False,
                )
            with answer:
                if answer.status == 304 and etag:
                    yield None
                    return
                if answer.status != 200:
                    raise _refusal(answer.status)
                yield PdfStream(_chunks(answer), answer.headers.get("etag"), _size(answer))

    def _server(self, host: str) -> HTTPSConnectionPool:
        """Return the server at the checked address, known by the host's name."""
        return HTTPSConnectionPool(
            self._resolve(host),
            self._port,
            timeout=_TIMEOUT_S,
            ssl_context=self._context,
            server_hostname=host,
        )


def _chunks(answer: BaseHTTPResponse) -> Iterator[bytes]:
    with _translated():
        yield from answer.stream(_READ, decode_content=False)


def _size(answer: BaseHTTPResponse) -> int | None:
    length = answer.headers.get("content-length", "")
    return int(length) if length.isdigit() else None


def _refusal(status: int) -> SyncError:
    if status in {404, 410}:
        return PdfMissingError()
    if 300 <= status < 400:  # where it leads may be anywhere
        return PermanentError("pdf_host_not_allowed")
    return TransientError(f"pdf_http_{status}")


@contextmanager
def _translated() -> Generator[None]:
    try:
        yield
    except HTTPError:
        raise TransientError("pdf_host_unreachable") from None
