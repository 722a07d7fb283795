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
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import httpx

from shared.errors import PermanentError, SyncError, TransientError
from shared.observability import tracing
from shared.papers.pdf_stream import PdfMissingError, PdfStream
from shared.papers.pdf_urls import WebPlace

if TYPE_CHECKING:
    from collections.abc import Generator

_TIMEOUT_S = 30.0
_READ = 256 * 1024


def public_address(host: str) -> str:
    """
    Return an address of the host to connect to, in the form a URL has it.

    Raise PermanentError (pdf_host_not_allowed) if any of its addresses is not public.
    """
    try:
        found = socket.getaddrinfo(host, 443, type=socket.SOCK_STREAM)
    except OSError:
        raise TransientError("pdf_host_unknown") from None
    addresses = [ipaddress.ip_address(entry[4][0]) for entry in found]
    if not addresses or not all(address.is_global for address in addresses):
        raise PermanentError("pdf_host_not_allowed")
    first = addresses[0]
    return f"[{first}]" if first.version == 6 else str(first)


class WebPdfs:
    """Opens PDFs on web servers. `resolve` returns the address (and port) to connect to."""

    def __init__(
        self, resolve: Callable[[str], str] = public_address, http: httpx.Client | None = None
    ) -> None:
        self._resolve = resolve
        self._http = http or httpx.Client(http2=False, timeout=_TIMEOUT_S, trust_env=False)

    @contextmanager
    def open(self, place: WebPlace, etag: str | None) -> Generator[PdfStream | None]:
        """Open a PDF; None if it still has this tag."""
        url = httpx.URL(place.url)
        address = httpx.URL(f"https://{self._resolve(place.host)}")
        request = self._http.build_request(
            "GET",
            url.copy_with(host=address.host, port=address.port),
            headers={"Host": place.host, "Accept-Encoding": "identity"}
            | ({"If-None-Match": etag} if etag else {}),
            extensions={"sni_hostname": place.host},
        )
        with tracing.call("pdf", "get"), _translated():
            answer = self._http.send(request, stream=True)
        try:
            if answer.status_code == 304 and etag:
                yield None
                return
            if answer.status_code != 200:
                raise _refusal(answer.status_code)
            yield PdfStream(_chunks(answer), answer.headers.get("etag"), _size(answer))
        finally:
            answer.close()


def _chunks(answer: httpx.Response) -> Iterator[bytes]:
    with _translated():
        yield from answer.iter_raw(_READ)


def _size(answer: httpx.Response) -> int | None:
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
    except (httpx.HTTPError, httpx.InvalidURL):
        raise TransientError("pdf_host_unreachable") from None
