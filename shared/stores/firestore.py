"""
Firestore: batched reads and atomic batches of guarded writes, and the translation of its errors.

Guards are optimistic: a write may name the snapshot it is based on, and the whole batch is refused
when that document has moved on. That costs one read and one write, and holds no lock in between.
Nothing is sent twice, and every wait has a time-out.

Over its HTTP API, not Google's client: importing that takes longer than a function that only greets
takes to start. What is sent is what it sends; contract tests compare (docs/decisions/0120). Paths
of documents lie in bodies alone, never in an address.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from shared import google_account, settings
from shared.errors import ContendedError, PermanentError, SyncError, TransientError
from shared.json_http import Answer, JsonHttp
from shared.observability import tracing
from shared.stores.firestore_values import (
    field_path,
    fields_from,
    fields_to,
    microseconds,
    value_from,
)

if TYPE_CHECKING:
    from collections.abc import Generator

MAX_WRITES = 500  # per commit
REMOVED: Any = object()  # the value of a field that an update removes
_TIMEOUT_S = 10.0
_ID = re.compile(r"(?!\.\.?\Z|__.*__\Z)[^/\s]{1,1500}")  # what Firestore takes as a document's id
_BY_PATH = [{"field": {"fieldPath": "__name__"}, "direction": "ASCENDING"}]
_MOVED_ON = frozenset({"ALREADY_EXISTS", "NOT_FOUND", "FAILED_PRECONDITION", "ABORTED"})
_MISSING = frozenset({"NOT_FOUND", "FAILED_PRECONDITION"})
_DENIED = frozenset({"PERMISSION_DENIED", "UNAUTHENTICATED"})
# What a gateway's bare status stands for. A bare 400 or 404 is not taken for Firestore's word.
_BARE = {
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    409: "ABORTED",
    429: "RESOURCE_EXHAUSTED",
}


@dataclass(frozen=True, slots=True)
class Snapshot:
    """
    A document as it was read: its fields (None: there is none) and when it last changed, as
    Firestore wrote it.

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
    """Reads and writes documents by path ("users/u1/inbox/n1"). Fields are given by their names."""

    def __init__(self) -> None:
        project = settings.required("GOOGLE_CLOUD_PROJECT")
        emulator = os.environ.get("FIRESTORE_EMULATOR_HOST")
        origin = f"http://{emulator}" if emulator else "https://firestore.googleapis.com"
        documents = f"projects/{project}/databases/(default)/documents"
        self._root = f"{documents}/"
        headers = {"Content-Type": "application/json"}
        self._http = JsonHttp("firestore", f"{origin}/v1/{documents}", headers, _TIMEOUT_S)

    def read(
        self, paths: Iterable[str], fields: Sequence[str] | None = None
    ) -> dict[str, Snapshot]:
        """Return a snapshot for every path, of the given fields or of all, in one round trip."""
        names = {at: self._root + at for at in paths}
        body: dict[str, Any] = {"documents": list(names.values())}
        if fields is not None:
            body["mask"] = {"fieldPaths": [field_path(name) for name in fields]}
        with tracing.call("firestore", "BatchGetDocuments"):
            rows = self._call("batchGet", body)
        with _readable():
            found = dict(map(_found, rows))
            return {at: found[name] for at, name in names.items()}

    def below(self, at: str) -> list[str]:
        """Return the paths of all documents below a document, at any depth."""
        # In order of path they lie between the document and the first name that could follow its
        # own. The query is the database's: under a parent, ids would lie in the address.
        query = {
            "select": _selected(["__name__"]),
            "from": [{"allDescendants": True}],
            "orderBy": _BY_PATH,
            "startAt": self._cursor(at, before=False),
            "endAt": self._cursor(f"{at}\0", before=True),
        }
        return [path for path, _ in self._documents(query)]

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
        query: dict[str, Any] = {
            "select": _selected(fields),
            "from": [{"collectionId": collection, "allDescendants": anywhere}],
            "orderBy": _BY_PATH,
            "limit": limit,
        }
        if after is not None:
            query["startAt"] = self._cursor(after, before=False)
        return self._documents(query)

    def count(self, collection: str) -> int:
        """Return how many documents a collection has; costs one read for a thousand of them."""
        query = {
            "structuredQuery": {"from": [{"collectionId": collection}]},
            "aggregations": [{"alias": "all", "count": {}}],
        }
        with tracing.call("firestore", "RunAggregationQuery"):
            rows = self._call("runAggregationQuery", {"structuredAggregationQuery": query})
        with _readable():  # of a long count, rows before the last only tell of progress
            *_, result = [row["result"] for row in rows if "result" in row]
            return int(value_from(result["aggregateFields"]["all"]))

    def commit(self, writes: Sequence[Write]) -> None:
        """
        Carry out all writes or none, at most MAX_WRITES. Raise ContendedError when a document
        is not as it was read.
        """
        body = {"writes": [self._write(write) for write in writes]}
        with tracing.call("firestore", "Commit"):
            said = self._call("commit", body)
        with _readable():
            microseconds(said["commitTime"])  # nothing less says that it was done

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _documents(self, query: dict[str, Any]) -> list[tuple[str, Snapshot]]:
        with tracing.call("firestore", "RunQuery"):
            rows = self._call("runQuery", {"structuredQuery": query})
        with _readable():
            found = [_snapshot(row["document"]) for row in _rows(rows) if "document" in row]
            return [(self._path(name), snapshot) for name, snapshot in found]

    def _path(self, name: str) -> str:
        if not name.startswith(self._root):
            raise ValueError("a document of another database")
        return name[len(self._root) :]

    def _cursor(self, at: str, *, before: bool) -> dict[str, Any]:
        return {"values": [{"referenceValue": self._root + at}], "before": before}

    def _write(self, write: Write) -> dict[str, Any]:
        name, data, since = self._root + write.path, write.data, write.since
        if data is None:
            return {"delete": name}
        given = {key: value for key, value in data.items() if value is not REMOVED}
        written: dict[str, Any] = {"update": {"name": name, "fields": fields_to(given)}}
        if since is not None and since.data is None:
            written["currentDocument"] = {"exists": False}
        elif since is not None:  # a field that is in the mask and is not given is removed
            written["updateMask"] = {"fieldPaths": [field_path(key) for key in data]}
            written["currentDocument"] = {"updateTime": since.changed}
        return written

    def _call(self, method: str, body: dict[str, Any]) -> Any:
        """Call a method on the documents; return what it says. The error's text is not kept."""
        address, account = f":{method}?prettyPrint=false", google_account.authorization()
        try:
            answer = self._http.send("POST", address, body, account)
        except ValueError:  # half a character, which no JSON holds
            raise PermanentError("firestore_invalid_argument") from None
        return _said(answer, guarded=method == "commit")


def path(*parts: str) -> str:
    """Join collection names and ids. Raise PermanentError for an id Firestore cannot hold."""
    if not all(_ID.fullmatch(part) for part in parts):
        raise PermanentError("firestore_id_invalid")
    return "/".join(parts)


def _selected(fields: Sequence[str]) -> dict[str, Any]:
    """Ask for fields; `__name__` stands for none."""
    return {"fields": [{"fieldPath": field_path(name)} for name in fields]}


def _found(row: dict[str, Any]) -> tuple[str, Snapshot]:
    if "found" in row:
        return _snapshot(row["found"])
    return row["missing"], Snapshot(None, None, microseconds(row["readTime"]))


def _rows(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """
    Return a query's rows. That there are no documents is said too, by the time of the look; a row
    without one may also tell of progress, or that it is the last.
    """
    if not rows or not all("document" in row or row.get("done") or row["readTime"] for row in rows):
        raise ValueError("no rows of a query")
    return rows


def _snapshot(document: dict[str, Any]) -> tuple[str, Snapshot]:
    changed = document["updateTime"]
    data = fields_from(document.get("fields", {}))
    return document["name"], Snapshot(data, changed, microseconds(changed))


def _said(answer: Answer, *, guarded: bool) -> Any:
    """Return an answer's JSON. Results come as a list, and a failure amid them as its last item."""
    try:
        said = answer.json()
    except (ValueError, RecursionError):
        if answer.ok:
            raise TransientError("firestore_answer_broken") from None
        said = None
    last = cast("list[Any]", said)[-1] if isinstance(said, list) and said else said
    error = cast("dict[str, Any]", last).get("error") if isinstance(last, dict) else None
    if answer.ok and error is None:
        return said
    status = cast("dict[str, Any]", error).get("status") if isinstance(error, dict) else None
    word = status if isinstance(status, str) else _BARE.get(answer.status, "")
    raise _refusal(word, guarded=guarded)


def _refusal(status: str, *, guarded: bool) -> SyncError:
    """Turn a status of google.rpc.Code into our error; `guarded`: to what may have moved on."""
    if status in _MOVED_ON and guarded:
        return ContendedError("firestore_moved_on")
    if status in _MISSING:  # the database itself, an index, or it is none of Firestore's kind
        return TransientError("firestore_misconfigured")
    if status == "INVALID_ARGUMENT":
        return PermanentError("firestore_invalid_argument")
    if status == "RESOURCE_EXHAUSTED":
        return TransientError("firestore_quota")
    if status in _DENIED:  # our misconfiguration
        return TransientError("firestore_denied")
    return TransientError("firestore_unreachable")


@contextmanager
def _readable() -> Generator[None]:
    """Around the reading of an answer: one that is in no form of Firestore's may raise anything."""
    try:
        yield
    except (
        ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError,
    ):  # fmt: skip
        raise TransientError("firestore_answer_broken") from None
