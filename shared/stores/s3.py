"""
S3 over HTTP, of AWS and of Supabase Storage, and the translation of its errors.

urllib3 sends: a client of boto3 takes 0.2 s of a cold start to read models of all that S3 can do
(docs/decisions/0120). Nothing is sent twice: Pub/Sub redelivers. Every body is
signed, so the server checks its SHA-256; buckets are named in the path.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast
from urllib.parse import quote, urlsplit

from urllib3.exceptions import HTTPError
from urllib3.util import Timeout

from shared.errors import PermanentError, TransientError
from shared.json_http import USER_AGENT, connections
from shared.observability import tracing
from shared.stores.s3_signature import Signer

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from urllib3.response import BaseHTTPResponse

_CONNECT_S, _READ_S = 5.0, 30.0
_REFUSED = frozenset({"EntityTooLarge", "KeyTooLongError", "InvalidKey", "InvalidMimeType"})


class ObjectMissingError(Exception):
    """There is no such object."""


class ObjectUnchangedError(Exception):
    """The object still has the tag that was asked about."""


class S3:
    """
    Sends to one endpoint, from any thread. `where` begins the codes of its errors. `url` None is
    AWS's own endpoint of the region.
    """

    def __init__(self, where: str, *, url: str | None, key: str, secret: str, region: str) -> None:
        self._where = where
        address = urlsplit(url or _aws(region))
        self._host, self._base = address.netloc, address.path.rstrip("/")
        self._signer = Signer(key, secret, region)
        origin = f"{address.scheme}://{self._host}"
        self._pool = connections(origin, Timeout(connect=_CONNECT_S, read=_READ_S))

    def send(
        self,
        operation: str,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes | bytearray = b"",
        stream: bool = False,
    ) -> BaseHTTPResponse:
        """
        Send a request for a path (bucket/key) and return its answer; of a `stream` the body is
        still to be read, inside `reading`, and the answer to be released.

        Raise ObjectMissingError and ObjectUnchangedError for what is no error to every caller,
        PermanentError for what no repetition changes, else TransientError (<where>_<code>).
        """
        target = f"{self._base}/{quote(path, '/~')}" + (f"?{_query(query)}" if query else "")
        given = {"Host": self._host, **(headers or {})}
        signed = self._signer.headers(method, target, given, body, datetime.now(UTC))
        with tracing.call(self._where, operation), reading(self._where):
            answer = self._pool.urlopen(
                method,
                target,
                body=cast("bytes", body) or None,  # any buffer will do
                headers={**signed, "User-Agent": USER_AGENT},
                retries=False,
                redirect=False,
                preload_content=not stream,
            )
            if answer.status >= 300:
                # An answer to HEAD has no body. Of any other, a 404 without S3's word for it means
                # a wrong address: of a file that is missing the copy is deleted.
                if method == "HEAD" and answer.status == 404:
                    raise ObjectMissingError
                raise _refusal(self._where, str(answer.status), answer.data)
        return answer

    def header(self, answer: BaseHTTPResponse, name: str) -> str:
        """Return a header that S3 always sends. Raise TransientError (<where>_unreadable)."""
        value = answer.headers.get(name)
        if value is None:
            raise TransientError(f"{self._where}_unreadable")
        return value

    def xml(self, answer: BaseHTTPResponse) -> ET.Element:
        """
        Return what an answer says. It may be an error in spite of its status, which was sent
        before the work was done; raise what it says, as `send`, or TransientError
        (<where>_unreadable) if it cannot be read.
        """
        root = _parsed(answer.data)
        if root is None:
            raise TransientError(f"{self._where}_unreadable")
        if root.tag.endswith("Error"):
            raise _refusal(self._where, "unknown", answer.data)
        return root


def text(element: ET.Element, name: str) -> str | None:
    """Return what an element holds under a name, whatever its namespace."""
    return element.findtext(f"{{*}}{name}")


@contextmanager
def reading(where: str) -> Generator[None]:
    """Translate what breaks off on the wire: also for reading the body of a stream."""
    try:
        yield
    except HTTPError:
        raise TransientError(f"{where}_unreachable") from None


def _refusal(where: str, status: str, body: bytes) -> Exception:
    """Missing rights, buckets and regions are our misconfiguration: not the file's fault."""
    said = _parsed(body)
    code = (None if said is None else text(said, "Code")) or status
    if code == "NoSuchKey":
        return ObjectMissingError()
    if code == "304":
        return ObjectUnchangedError()
    name = "".join(c if c.isalnum() else "_" for c in f"{where}_{code}".lower())[:64]
    return PermanentError(name) if code in _REFUSED else TransientError(name)


def _parsed(body: bytes) -> ET.Element | None:
    try:
        return ET.fromstring(body)  # noqa: S314 - expat itself stops entities that multiply
    except ET.ParseError:
        return None


def _query(given: Mapping[str, str]) -> str:
    """Return a query as S3 signs it; a name without a value stands for an operation."""
    pairs = (
        quote(name, "") + (f"={quote(value, '')}" if value else "") for name, value in given.items()
    )
    return "&".join(pairs)


def _aws(region: str) -> str:
    domain = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return f"https://s3.{region}.{domain}"
