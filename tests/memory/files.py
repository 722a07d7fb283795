"""S3 on both ends in memory: where PDFs come from, and Supabase Storage."""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Sequence
from contextlib import AbstractContextManager, contextmanager

from shared.errors import SyncError
from shared.papers.pdf_stream import PdfMissingError, PdfStream
from shared.papers.pdf_urls import locate
from shared.stores.storage import Stored
from tests.memory.place import Place

BUCKET = "prescriptions"


def tag(content: bytes) -> str:
    """Return the tag that S3 gives an object put in one piece."""
    return f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"'


class MemoryPdfSources(Place):
    """PDFs by URL. `errors` are raised when a URL is opened, `cut` are sent without their end."""

    def __init__(self) -> None:
        super().__init__()
        self.pdfs: dict[str, bytes] = {}
        self.errors: dict[str, SyncError] = {}
        self.cut: set[str] = set()
        self.opened: list[str] = []

    def open(self, url: str, etag: str | None) -> AbstractContextManager[PdfStream | None]:
        """Open a PDF; None if it still has this tag."""
        return self._open(url, etag)

    @contextmanager
    def _open(self, url: str, etag: str | None) -> Generator[PdfStream | None]:
        with self.effect("pdf_sources.open"):
            locate(url, buckets={BUCKET}, hosts=())
            if url in self.errors:
                raise self.errors[url]
            content = self.pdfs.get(url)
            self.opened.append(url)
        if content is None:
            raise PdfMissingError
        if tag(content) == etag:
            yield None
            return
        sent = content[:-1] if url in self.cut else content
        yield PdfStream(iter([sent]), tag(content), len(content), tag(content).strip('"'))


class MemoryStorage(Place):
    """Files by path."""

    bucket = "documents"

    def __init__(self) -> None:
        super().__init__()
        self.files: dict[str, bytes] = {}
        self.uploads: list[str] = []
        self.error: SyncError | None = None

    def look(self, path: str) -> Stored | None:
        """Return what lies at a path."""
        with self.effect("storage.look"):
            content = self.files.get(path)
            return None if content is None else Stored(tag(content), len(content))

    def upload(self, path: str, source: PdfStream) -> Stored:
        """Copy a stream to a path, whole or not at all."""
        with self.effect("storage.upload"):
            self._refuse()
            content = b"".join(bytes(part) for part in source.parts())
            source.check()
            self.files[path] = content
            self.uploads.append(path)
            return Stored(tag(content), len(content))

    def below(self, folder: str) -> list[str]:
        """Return the paths of all files in a folder."""
        with self.effect("storage.below"):
            return sorted(path for path in self.files if path.startswith(folder))

    def delete(self, paths: Sequence[str]) -> None:
        """Delete files."""
        with self.effect("storage.delete"):
            self._refuse()
            for path in paths:
                self.files.pop(path, None)

    def _refuse(self) -> None:
        if self.error is not None:
            raise self.error
