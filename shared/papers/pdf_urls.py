"""
Where a prescription's pdf_url points. Pure; nothing is looked up.

An S3 URL is read with our own credentials, whatever signature it carries, so only buckets on the
list are: else a URL could make us hand over any object that our account may read.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urlsplit

from shared.errors import PermanentError

# s3.amazonaws.com, s3.<region>.., s3-<region>.. and dualstack; the bucket in front or in the path.
_S3_HOST = re.compile(
    r"(?:(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])\.)?"
    r"s3(?:[.-](?:dualstack\.)?(?P<region>[a-z]{2}-[a-z-]+-\d))?\.amazonaws\.com"
)


@dataclass(frozen=True, slots=True)
class S3Place:
    """An object in S3. `region` is None where the URL names none."""

    bucket: str
    key: str
    region: str | None = None


@dataclass(frozen=True, slots=True)
class WebPlace:
    """A file on a web server, at an allowed host."""

    url: str
    host: str


def locate(url: str, *, buckets: Collection[str], hosts: Collection[str]) -> S3Place | WebPlace:
    """
    Return where the URL points.

    Raise PermanentError: pdf_url_unreadable, pdf_bucket_not_allowed, pdf_host_not_allowed.
    """
    try:
        parts = urlsplit(url.strip())
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        raise PermanentError("pdf_url_unreadable") from None
    if parts.scheme == "s3":
        return _in_bucket(S3Place(parts.netloc, _s3_key(url)), buckets)
    if parts.scheme != "https" or not host:
        raise PermanentError("pdf_url_unreadable")
    if match := _S3_HOST.fullmatch(host):
        return _in_bucket(_s3_place(parts, match["bucket"], match["region"]), buckets)
    if host not in hosts or port not in {None, 443} or parts.username is not None:
        raise PermanentError("pdf_host_not_allowed")
    return WebPlace(parts._replace(fragment="").geturl(), host)


def _s3_key(url: str) -> str:
    """Return the key of an s3:// URL, which is not encoded: it may hold any character, also `#`."""
    return url.strip().removeprefix("s3://").partition("/")[2]


def _s3_place(parts: SplitResult, bucket: str | None, region: str | None) -> S3Place:
    path = unquote(parts.path.removeprefix("/"))
    if bucket:
        return S3Place(bucket, path, region)
    bucket, _, key = path.partition("/")
    return S3Place(bucket, key, region)


def _in_bucket(place: S3Place, buckets: Collection[str]) -> S3Place:
    if not place.bucket or not place.key:
        raise PermanentError("pdf_url_unreadable")
    if place.bucket not in buckets:
        raise PermanentError("pdf_bucket_not_allowed")
    return place
