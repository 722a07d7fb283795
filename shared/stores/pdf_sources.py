"""Where prescription PDFs come from: the backend's private S3, or a web server on the list."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING

from shared import settings
from shared.papers.pdf_stream import PdfMissingError, PdfStream
from shared.papers.pdf_urls import S3Place, locate
from shared.stores.s3 import S3, ObjectMissingError, ObjectUnchangedError, reading

if TYPE_CHECKING:
    from collections.abc import Generator

    from urllib3.response import BaseHTTPResponse

    from shared.stores.web_pdfs import WebPdfs

_READ = 256 * 1024
_MD5 = re.compile(r"[0-9a-f]{32}")


class PdfSources:
    """Opens PDFs. Each client is made when the first URL needs it."""

    def __init__(self, web: WebPdfs | None = None) -> None:
        self._regions: dict[str, S3] = {}
        self._web = web

    def open(self, url: str, etag: str | None) -> AbstractContextManager[PdfStream | None]:
        """
        Open a PDF; None if it still has this tag. Reading may raise what opening may:
        PdfMissingError, PermanentError (URL, bucket or host not acceptable), TransientError.
        """
        place = locate(
            url,
            buckets=settings.listed(settings.required("PDF_BUCKETS")),
            hosts=settings.listed(settings.optional("PDF_HOSTS", "")),
        )
        if isinstance(place, S3Place):
            return self._from_s3(place, etag)
        if self._web is None:
            from shared.stores.web_pdfs import WebPdfs

            self._web = WebPdfs()
        return self._web.open(place, etag)

    @contextmanager
    def _from_s3(self, place: S3Place, etag: str | None) -> Generator[PdfStream | None]:
        path, s3 = f"{place.bucket}/{place.key}", self._at(place.region)
        headers = {"If-None-Match": etag} if etag else {}
        try:
            answer = s3.send("GetObject", "GET", path, headers=headers, stream=True)
        except ObjectMissingError:
            raise PdfMissingError from None
        except ObjectUnchangedError:
            yield None
            return
        with answer:
            yield PdfStream(
                _chunks(answer),
                etag=s3.header(answer, "ETag"),
                size=int(s3.header(answer, "Content-Length")),
                md5=_md5(answer.headers),
            )

    def _at(self, region: str | None) -> S3:
        region = region or settings.required("AWS_REGION")
        if region not in self._regions:
            self._regions[region] = S3(
                "aws",
                url=settings.optional("AWS_S3_URL", "") or None,
                key=settings.required("AWS_ACCESS_KEY_ID"),
                secret=settings.required("AWS_SECRET_ACCESS_KEY"),
                region=region,
            )
        return self._regions[region]


def _chunks(answer: BaseHTTPResponse) -> Iterator[bytes]:
    with reading("aws"):
        yield from answer.stream(_READ, decode_content=False)


def _md5(headers: Mapping[str, str]) -> str | None:
    """
    Return the MD5 that a tag is, for an object that was put in one piece: not for multipart uploads
    (a dash in the tag) nor where a key of KMS or the customer encrypts it.
    """
    tag = headers["ETag"].strip('"')
    kms = "kms" in headers.get("x-amz-server-side-encryption", "")
    by_key = kms or "x-amz-server-side-encryption-customer-algorithm" in headers
    return tag if _MD5.fullmatch(tag) and not by_key else None
