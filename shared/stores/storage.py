"""
Supabase Storage, through its S3 endpoint. A path is bucket/key, as `documents.file_url` has it.

A file becomes visible when all of it has arrived and agrees with its source: up to one part is held
back and put whole, anything larger is a multipart upload, which is completed last or aborted.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any

from shared import settings
from shared.errors import SyncError, TransientError
from shared.papers.pdf_stream import PART, PdfStream
from shared.stores.s3 import ObjectMissingError, client, translated

_TYPE = "application/pdf"
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
    def _client(self) -> Any:
        own = settings.optional("SUPABASE_S3_URL", "")
        return client(
            url=own or f"{settings.required('SUPABASE_URL')}/storage/v1/s3",
            key=settings.required("SUPABASE_S3_KEY"),
            secret=settings.required("SUPABASE_S3_SECRET"),
            region=settings.optional("SUPABASE_S3_REGION", "us-east-1"),
        )

    def look(self, path: str) -> Stored | None:
        """Return what lies at a path, None for nothing."""
        try:
            with translated("storage", "HeadObject"):
                head = self._client.head_object(**_at(path))
        except ObjectMissingError:
            return None
        return Stored(head["ETag"], head["ContentLength"])

    def upload(self, path: str, source: PdfStream) -> Stored:
        """Copy a stream to a path. Raise TransientError, with nothing visible, if it broke off."""
        parts = source.parts()
        first = next(parts)
        if len(first) < PART:
            source.check()
            with translated("storage", "PutObject"):
                self._client.put_object(**_at(path), Body=first, ContentType=_TYPE)
        else:
            self._in_parts(path, source, chain([first], parts))
        stored = self.look(path)
        if stored is None or stored.size != source.seen:
            self.delete([path])
            raise TransientError("storage_copy_incomplete")
        return stored

    def _in_parts(self, path: str, source: PdfStream, parts: Iterator[bytearray]) -> None:
        with translated("storage", "CreateMultipartUpload"):
            upload = self._client.create_multipart_upload(**_at(path), ContentType=_TYPE)
        this = {**_at(path), "UploadId": upload["UploadId"]}
        try:
            done = [self._part(this, number, part) for number, part in enumerate(parts, 1)]
            source.check()
            with translated("storage", "CompleteMultipartUpload"):
                self._client.complete_multipart_upload(**this, MultipartUpload={"Parts": done})
        except BaseException:
            # An upload that is never completed shows nothing, and expires by itself.
            with (
                contextlib.suppress(SyncError, ObjectMissingError),
                translated("storage", "AbortMultipartUpload"),
            ):
                self._client.abort_multipart_upload(**this)
            raise

    def _part(self, upload: dict[str, str], number: int, part: bytearray) -> dict[str, Any]:
        with translated("storage", "UploadPart"):
            answer = self._client.upload_part(**upload, PartNumber=number, Body=part)
        return {"PartNumber": number, "ETag": answer["ETag"]}

    def delete(self, paths: Sequence[str]) -> None:
        """Delete files; one that is not there is deleted already."""
        by_bucket: dict[str, list[dict[str, str]]] = {}
        for path in paths:
            bucket, key = _at(path).values()
            by_bucket.setdefault(bucket, []).append({"Key": key})
        for bucket, keys in by_bucket.items():
            for start in range(0, len(keys), _MOST_KEYS):
                self._delete(bucket, keys[start : start + _MOST_KEYS])

    def _delete(self, bucket: str, keys: Sequence[dict[str, str]]) -> None:
        with translated("storage", "DeleteObjects"):
            answer = self._client.delete_objects(
                Bucket=bucket, Delete={"Objects": keys, "Quiet": True}
            )
        if answer.get("Errors"):
            raise TransientError("storage_delete_failed")

    def below(self, folder: str) -> list[str]:
        """Return the paths of all files in a folder (bucket/folder/), of all pages."""
        bucket, key = _at(folder).values()
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=key)
        with translated("storage", "ListObjectsV2"):
            found = [file for page in pages for file in page.get("Contents", [])]
        return [f"{bucket}/{file['Key']}" for file in found]


def _at(path: str) -> dict[str, str]:
    bucket, _, key = path.partition("/")
    return {"Bucket": bucket, "Key": key}
