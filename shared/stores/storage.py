"""
Supabase Storage, through its S3 endpoint. A path is bucket/key, as `documents.file_url` has it.

A file becomes visible when all of it has arrived and agrees with its source: up to one part is held
back and put whole, anything larger is a multipart upload, which is completed last or aborted.
"""

from __future__ import annotations

import contextlib
import hashlib
from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from urllib.parse import unquote_plus
from xml.sax.saxutils import escape

from shared import settings
from shared.errors import SyncError, TransientError
from shared.papers.pdf_stream import PART, PdfStream
from shared.stores.s3 import S3, ObjectMissingError, text

_TYPE = {"Content-Type": "application/pdf"}
_NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
_KEPT = {"\r": "&#13;", "\n": "&#10;"}  # what XML would otherwise read as a space or one newline
_MOST_KEYS = 1000  # of one DeleteObjects (S3)


@dataclass(frozen=True, slots=True)
class Stored:
    """A file as Storage has it. `etag` changes with its content."""

    etag: str
    size: int


class Storage:
    """Stores, looks at and deletes files."""

    @property
    def bucket(self) -> str:
        """The bucket of the patients' files."""
        return settings.optional("DOCUMENTS_BUCKET", "documents")

    @cached_property
    def _s3(self) -> S3:
        own = settings.optional("SUPABASE_S3_URL", "")
        return S3(
            "storage",
            url=own or f"{settings.required('SUPABASE_URL').rstrip('/')}/storage/v1/s3",
            key=settings.required("SUPABASE_S3_KEY"),
            secret=settings.required("SUPABASE_S3_SECRET"),
            region=settings.optional("SUPABASE_S3_REGION", "us-east-1"),
        )

    def look(self, path: str) -> Stored | None:
        """Return what lies at a path, None for nothing."""
        try:
            head = self._s3.send("HeadObject", "HEAD", path)
        except ObjectMissingError:
            return None
        size = self._s3.header(head, "Content-Length")
        return Stored(self._s3.header(head, "ETag"), int(size))

    def upload(self, path: str, source: PdfStream) -> Stored:
        """Copy a stream to a path. Raise TransientError, with nothing visible, if it broke off."""
        parts = source.parts()
        first = next(parts)
        if len(first) < PART:
            source.check()
            self._s3.send("PutObject", "PUT", path, headers=_TYPE, body=first)
        else:
            self._in_parts(path, source, chain([first], parts))
        stored = self.look(path)
        if stored is None or stored.size != source.seen:
            self.delete([path])
            raise TransientError("storage_copy_incomplete")
        return stored

    def _in_parts(self, path: str, source: PdfStream, parts: Iterator[bytearray]) -> None:
        begun = self._s3.send(
            "CreateMultipartUpload", "POST", path, query={"uploads": ""}, headers=_TYPE
        )
        upload = {"uploadId": text(self._s3.xml(begun), "UploadId") or ""}
        try:
            tags = [self._part(path, upload, n, part) for n, part in enumerate(parts, 1)]
            source.check()
            done = self._s3.send(
                "CompleteMultipartUpload", "POST", path, query=upload, body=_completed(tags)
            )
            self._s3.xml(done)
        except BaseException:
            # An upload that is never completed shows nothing, and expires by itself.
            with contextlib.suppress(SyncError, ObjectMissingError):
                self._s3.send("AbortMultipartUpload", "DELETE", path, query=upload)
            raise

    def _part(self, path: str, upload: dict[str, str], number: int, part: bytearray) -> str:
        query = {"partNumber": str(number), **upload}
        answer = self._s3.send("UploadPart", "PUT", path, query=query, body=part)
        return self._s3.header(answer, "ETag")

    def delete(self, paths: Sequence[str]) -> None:
        """Delete files; one that is not there is deleted already."""
        by_bucket: dict[str, list[str]] = {}
        for path in paths:
            bucket, _, key = path.partition("/")
            by_bucket.setdefault(bucket, []).append(key)
        for bucket, keys in by_bucket.items():
            for start in range(0, len(keys), _MOST_KEYS):
                self._delete(bucket, keys[start : start + _MOST_KEYS])

    def _delete(self, bucket: str, keys: Sequence[str]) -> None:
        body = _deletion(keys)
        digest = b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
        answer = self._s3.send(  # the one operation that S3 takes with a checksum only
            "DeleteObjects", "POST", bucket,
            query={"delete": ""}, headers={"Content-MD5": digest}, body=body,
        )  # fmt: skip
        if self._s3.xml(answer).find("{*}Error") is not None:
            raise TransientError("storage_delete_failed")

    def below(self, folder: str) -> list[str]:
        """
        Return the paths of all files in a folder (bucket/folder/), of all pages. Supabase compares
        prefixes by LIKE, so a folder with an underscore brings files of others with it.
        """
        bucket, _, prefix = folder.partition("/")
        asked = {"list-type": "2", "prefix": prefix, "encoding-type": "url"}
        found: list[str] = []
        while True:
            page = self._s3.xml(self._s3.send("ListObjectsV2", "GET", bucket, query=asked))
            keys = [unquote_plus(text(file, "Key") or "") for file in page.iterfind("{*}Contents")]
            found += [key for key in keys if key.startswith(prefix)]
            token = text(page, "NextContinuationToken")
            if not token:
                return [f"{bucket}/{key}" for key in found]
            asked["continuation-token"] = token


def _completed(tags: Sequence[str]) -> bytes:
    parts = (
        f"<Part><PartNumber>{n}</PartNumber><ETag>{escape(tag)}</ETag></Part>"
        for n, tag in enumerate(tags, 1)
    )
    return _document("CompleteMultipartUpload", parts)


def _deletion(keys: Sequence[str]) -> bytes:
    objects = (f"<Object><Key>{escape(key, _KEPT)}</Key></Object>" for key in keys)
    return _document("Delete", [*objects, "<Quiet>true</Quiet>"])


def _document(name: str, content: Iterable[str]) -> bytes:
    return f'<{name} xmlns="{_NAMESPACE}">{"".join(content)}</{name}>'.encode()
