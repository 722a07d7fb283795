"""
Firestore: batched reads and atomic batches of guarded writes, and the translation of its errors.

Guards are optimistic: a write may name the snapshot it is based on, and the whole batch is refused
when that document has moved on. That costs one read and one write, and holds no lock in between.
The client's own retries are off, and every call has a time-out: a gRPC call without one can wait
for ever on a connection that a throttled instance has lost.

The client is Firestore's own, not firebase-admin's, which makes the same one but costs 5 MB and a
fifth more to import. Beside the emulator it asks for no credentials.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from google.api_core import exceptions
from google.cloud.firestore import DELETE_FIELD, Client
from google.cloud.firestore_v1.field_path import FieldPath

from shared import settings
from shared.errors import ContendedError, PermanentError, TransientError
from shared.observability import tracing

if TYPE_CHECKING:
    from collections.abc import Generator

MAX_WRITES = 500  # per commit
REMOVED: Any = DELETE_FIELD  # the value of a field that an update removes
_TIMEOUT_S = 10.0
_ID = re.compile(r"(?!\.\.?\Z|__.*__\Z)[^/\s]{1,1500}")  # what Firestore takes as a document's id


@dataclass(frozen=True, slots=True)
class Snapshot:
    """
    A document as it was read: its fields (None: there is none) and when it last changed.

    `version` is that time in microseconds since 1970, or the time of the read of a document that is
    not there. Firestore's times are one total order: a later read never has a lower version.
    """

    data: dict[str, Any] | None
    changed: Any = None
    version: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Write:
    """
    One write of a batch. `data` replaces the document, None deletes it. Based on a snapshot
    (`since`), it makes the document or updates the given fields, and is refused if the document is
    no longer as it was read.
    """

    path: str
    data: dict[str, Any] | None
    since: Snapshot | None = None


class Firestore:
    """Reads and writes documents by path ("users/u1/inbox/n1")."""

    def __init__(self) -> None:
        self._client = Client(project=settings.required("GOOGLE_CLOUD_PROJECT"))

    def read(
        self, paths: Iterable[str], fields: Sequence[str] | None = None
    ) -> dict[str, Snapshot]:
        """Return a snapshot for every path, of the given fields or of all, in one round trip."""
        references = [self._client.document(path) for path in dict.fromkeys(paths)]
        with translated("BatchGetDocuments"):
            found = list(self._client.get_all(references, fields, retry=None, timeout=_TIMEOUT_S))
        return {
            document.reference.path: Snapshot(
                document.to_dict(),
                document.update_time,
                microseconds(document.update_time or document.read_time),
            )
            for document in found
        }

    def below(self, at: str) -> list[str]:
        """Return the paths of all documents below a document, at any depth."""
        names = [FieldPath.document_id()]
        with translated("RunQuery"):
            return [
                document.reference.path
                for collection in self._client.document(at).collections(
                    retry=None, timeout=_TIMEOUT_S
                )
                for document in collection.recursive()
                .select(names)
                .stream(retry=None, timeout=_TIMEOUT_S)
            ]

    def page(
        self,
        collection: str,
        after: str | None,
        limit: int,
        fields: Sequence[str],
        *,
        anywhere: bool = False,
    ) -> list[tuple[str, Snapshot]]:
        """
        Return up to `limit` documents of a collection with their paths, in order of path, after a
        path; `anywhere`: of every collection of that name, wherever it hangs.
        """
        everywhere = self._client.collection_group if anywhere else self._client.collection
        query = everywhere(collection).select(fields).order_by("__name__").limit(limit)
        if after is not None:
            query = query.start_after({"__name__": self._client.document(after)})
        with translated("RunQuery"):
            found = list(query.stream(retry=None, timeout=_TIMEOUT_S))
        return [
            (
                document.reference.path,
                Snapshot(
                    document.to_dict(), document.update_time, microseconds(document.update_time)
                ),
            )
            for document in found
        ]

    def count(self, collection: str) -> int:
        """Return how many documents a collection has; costs one read for a thousand of them."""
        query = self._client.collection(collection).count(alias="all")
        with translated("RunAggregationQuery"):
            answer = cast("Any", query.get(retry=None, timeout=_TIMEOUT_S))
        return int(answer[0][0].value)

    def commit(self, writes: Sequence[Write]) -> None:
        """
        Carry out all writes or none, at most MAX_WRITES. Raise ContendedError when a document
        is not as it was read.
        """
        batch = self._client.batch()
        for write in writes:
            reference = self._client.document(write.path)
            if write.data is None:
                batch.delete(reference)
            elif write.since is None:
                batch.set(reference, write.data)
            elif write.since.data is None:
                batch.create(reference, write.data)
            else:
                guard = self._client.write_option(last_update_time=write.since.changed)
                batch.update(reference, write.data, option=guard)
        with translated("Commit"):
            batch.commit(retry=None, timeout=_TIMEOUT_S)

    def close(self) -> None:
        """Close the connection."""
        self._client.close()


def microseconds(time: Any) -> int:
    """
    Return a Firestore time as microseconds since 1970, exactly. A query over all collections of a
    name gives the bare protocol buffer, where all else gives the client's own class.
    """
    stamp = time.timestamp_pb() if hasattr(time, "timestamp_pb") else time
    return int(stamp.seconds) * 1_000_000 + int(stamp.nanos) // 1000


def path(*parts: str) -> str:
    """Join collection names and ids. Raise PermanentError for an id Firestore cannot hold."""
    if not all(_ID.fullmatch(part) for part in parts):
        raise PermanentError("firestore_id_invalid")
    return "/".join(parts)


@contextmanager
def translated(operation: str) -> Generator[None]:
    """Turn the client's errors into ours; their text quotes paths and values."""
    with tracing.call("firestore", operation), _ours():
        yield


@contextmanager
def _ours() -> Generator[None]:
    try:
        yield
    except (
        exceptions.AlreadyExists, exceptions.NotFound,
        exceptions.FailedPrecondition, exceptions.Aborted,
    ):  # fmt: skip
        raise ContendedError("firestore_moved_on") from None
    except exceptions.InvalidArgument:
        raise PermanentError("firestore_invalid_argument") from None
    except exceptions.ResourceExhausted:
        raise TransientError("firestore_quota") from None
    except (exceptions.PermissionDenied, exceptions.Unauthenticated):  # our misconfiguration
        raise TransientError("firestore_denied") from None
    except exceptions.GoogleAPIError:
        raise TransientError("firestore_unreachable") from None
