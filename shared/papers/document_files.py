"""
Delete the files of deleted documents from Storage.

A `file_url` is text that an app wrote. Only a file in the patients' bucket and in the owner's own
folder is deleted, and only once no other document of the owner names it, in whatever way; whatever
else it names may be somebody else's, and is left.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol
from urllib.parse import unquote, urlsplit

from shared.errors import TransientError
from shared.outcomes import Outcome, failed

if TYPE_CHECKING:
    from shared.events import Ref
    from shared.models.documents import RemovedFile

# .../storage/v1/object/{public,sign,authenticated}/bucket/key, as Storage's own URLs are.
_OBJECT = "/storage/v1/object/"
_ACCESS = frozenset({"public", "sign", "authenticated"})


class Removals(Protocol):
    """Which files deleted documents have left."""

    def removed_files(self, ids: Sequence[str]) -> list[RemovedFile]: ...

    def forget_removed_files(self, ids: Sequence[str]) -> None: ...


class Files(Protocol):
    """Supabase Storage."""

    @property
    def bucket(self) -> str: ...

    def delete(self, paths: Sequence[str]) -> None: ...


def delete_files(refs: Sequence[Ref], removals: Removals, files: Files) -> list[Outcome]:
    """Delete the files of these deleted documents; return the outcomes of those that must wait."""
    left = removals.removed_files([ref.key for ref in refs])
    owned = [path for file in left if (path := _unused_path(file, files.bucket))]
    try:
        if owned:
            files.delete(owned)
    except TransientError as error:
        waiting = {file.document for file in left}
        return [failed(ref, error) for ref in refs if ref.key in waiting]
    removals.forget_removed_files([ref.key for ref in refs])
    return []


def _unused_path(file: RemovedFile, bucket: str) -> str | None:
    path = owned_path(file, bucket)
    return None if path in {_path(url) for url in file.used} else path


def owned_path(file: RemovedFile, bucket: str) -> str | None:
    """Return the file's path, bucket/<uid>/..., or None if it is not the owner's own."""
    path = _path(file.file_url)
    folder = f"{bucket}/{file.patient_uid}/"
    if not path.startswith(folder) or path == folder or "/" in file.patient_uid:
        return None
    return None if {"", ".", ".."} & set(path.split("/")) else path


def _path(file_url: str) -> str:
    """Return the path in a Storage URL, or the text itself where it is none."""
    if "://" not in file_url:
        return file_url.removeprefix("/")
    try:
        path = unquote(urlsplit(file_url).path)
    except ValueError:
        return ""
    _, found, rest = path.partition(_OBJECT)
    first, _, behind = rest.partition("/")
    return (behind if first in _ACCESS else rest) if found else ""
