"""
What flows from a PDF's source to Storage: a stream with what its source promises about it.

Bytes pass through one buffer of one part, so memory does not grow with the file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from shared.errors import PermanentError, TransientError

PART = 5 * 1024 * 1024  # bytes; the smallest part S3 takes, but for the last
MAX_BYTES = 512 * 1024 * 1024


class PdfMissingError(PermanentError):
    """The source has no such file."""

    def __init__(self) -> None:
        super().__init__("pdf_missing")


@dataclass
class PdfStream:
    """An open source. `etag`, `size` and `md5` (hex) are None where it does not tell them."""

    chunks: Iterator[bytes]
    etag: str | None = None
    size: int | None = None
    md5: str | None = None
    seen: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._sha256 = hashlib.sha256()

    @property
    def sha256(self) -> str:
        """SHA-256 of what has been read, hex."""
        return self._sha256.hexdigest()

    def parts(self) -> Iterator[bytearray]:
        """
        Yield the file in parts of PART bytes, the last one shorter; at least one. The buffer is
        used again: a part is valid until the next one is asked for.
        """
        buffer = bytearray()
        first = True
        for chunk in self.chunks:
            self._note(chunk)
            buffer += chunk
            while len(buffer) >= PART:
                rest = bytes(buffer[PART:])
                del buffer[PART:]
                yield buffer
                first = False
                buffer[:] = rest
        if buffer or first:
            yield buffer

    def check(self) -> None:
        """Raise TransientError unless all that the source promised has arrived as promised."""
        if self.size is not None and self.seen != self.size:
            raise TransientError("pdf_truncated")
        if self.md5 is not None and self._md5.hexdigest() != self.md5:
            raise TransientError("pdf_corrupted")

    def _note(self, chunk: bytes) -> None:
        self.seen += len(chunk)
        if self.seen > MAX_BYTES:
            raise PermanentError("pdf_too_large")
        self._md5.update(chunk)
        self._sha256.update(chunk)
