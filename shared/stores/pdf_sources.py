"""Where prescription PDFs come from: the backend's private S3, or a web server on the list."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any

from shared import settings
from shared.papers.pdf_stream import PdfMissingError, PdfStream
from shared.papers.pdf_urls import S3Place, locate
from shared.stores.s3 import ObjectMissingError, ObjectUnchangedError, client, ours, translated

if TYPE_CHECKING:
    from collections.abc import Generator

    from shared.stores.web_pdfs import WebPdfs

_READ = 256 * 1024
_MD5 = re.compile(r"[0-9a-f]{32}")


class PdfSources:
    """Opens PDFs. Each client is made when the first URL needs it."""

    def __init__(self, web: WebPdfs | None = None) -> None:
        self._clients: dict[str, Any] = {}
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
        wanted = {"Bucket": place.bucket, "Key": place.key}
        if etag:
            wanted["IfNoneMatch"] = etag
        try:
            with translated("aws", "GetObject"):
                answer = self._client(place.region).get_object(**wanted)
        except ObjectMissingError:
            raise PdfMissingError from None
        except ObjectUnchangedError:
            yield None
            return
        try:
            yield PdfStream(
                _translated(answer["Body"].iter_chunks(_READ)),
                etag=answer["ETag"],
                size=answer["ContentLength"],
                md5=_md5(answer),
            )
        finally:
            answer["Body"].close()

    def _client(self, region: str | None) -> Any:
        region = region or settings.required("AWS_REGION")
        if region not in self._clients:
            self._clients[region] = client(
                url=settings.optional("AWS_S3_URL", "") or None,
                key=settings.required("AWS_ACCESS_KEY_ID"),
                secret=settings.required("AWS_SECRET_ACCESS_KEY"),
                region=region,
            )
        return self._clients[region]


def _translated(chunks: Iterator[bytes]) -> Iterator[bytes]:
    with ours("aws"):
        yield from chunks


def _md5(answer: Any) -> str | None:
    """
    Return the MD5 that a tag is, for an object that was put in one piece: not for multipart uploads
    (a dash in the tag) nor where a key of KMS or the customer encrypts it.
    """
    tag = answer["ETag"].strip('"')
    by_key = answer.get("SSECustomerAlgorithm") or "kms" in answer.get("ServerSideEncryption", "")
    return tag if _MD5.fullmatch(tag) and not by_key else None
