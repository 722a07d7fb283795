"""Firestore's errors become ours, and what is read keeps its exact version and nothing more."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from google.api_core import exceptions
from google.api_core.datetime_helpers import DatetimeWithNanoseconds

from shared import doctor_reading, profile_reading
from shared.errors import PermanentError, TransientError
from shared.models import FirestoreDocument
from shared.stores.profiles import Profiles, microseconds, translated

TIME = DatetimeWithNanoseconds(2026, 5, 1, 10, nanosecond=123_456_789, tzinfo=UTC)
MICROSECONDS = 1_777_629_600_123_456


class Snapshot:
    """What the client returns for one document."""

    def __init__(self, uid: str, fields: dict[str, Any] | None) -> None:
        self.id = uid
        self.exists = fields is not None
        self.update_time = TIME if fields is not None else None
        self.read_time = TIME
        self.to_dict = lambda: fields


class Client:
    """The client, as far as the store uses it: it notes what is asked and answers or fails."""

    def __init__(self, *snapshots: Snapshot, error: Exception | None = None) -> None:
        self.snapshots, self.error = snapshots, error
        self.asked: dict[str, Any] = {}

    def collection(self, name: str) -> Client:
        self.asked["collection"] = name
        return self

    def document(self, uid: str) -> str:
        if "/" in uid:
            raise ValueError("A document must have an even number of path elements")
        return uid

    def get_all(self, documents: list[str], **options: Any) -> list[Snapshot]:
        self.asked |= options | {"documents": documents}
        if self.error:
            raise self.error
        return list(self.snapshots)


def store(client: Client) -> Profiles:
    given: Any = client
    return Profiles(given)


def test_documents_are_read_with_their_versions_to_the_microsecond() -> None:
    client = Client(Snapshot("u1", {"name": "Asha"}), Snapshot("u2", None))
    assert store(client).read(["u1", "u2"]) == {
        "u1": FirestoreDocument({"name": "Asha"}, MICROSECONDS),
        "u2": FirestoreDocument(None, MICROSECONDS),
    }
    assert microseconds(TIME) % 1000 == 456


@pytest.mark.parametrize(
    ("method", "collection", "fields"),
    [
        ("read", "users", profile_reading.FIELDS),
        ("read_doctors", "doctors", doctor_reading.FIELDS),
    ],
)
def test_only_the_fields_that_are_used_are_asked_for_once_and_without_the_clients_retry(
    method: str, collection: str, fields: tuple[str, ...]
) -> None:
    client = Client()
    getattr(store(client), method)(["u1", "u2"])
    assert client.asked["collection"] == collection
    assert client.asked["documents"] == ["u1", "u2"]
    assert client.asked["field_paths"] == list(fields)
    assert not {"fcmToken", "address"} & set(fields)
    assert client.asked["retry"] is None


@pytest.mark.parametrize(
    ("error", "kind", "code"),
    [
        (exceptions.ServiceUnavailable("x"), TransientError, "firestore_unavailable"),
        (exceptions.DeadlineExceeded("x"), TransientError, "firestore_deadline_exceeded"),
        (exceptions.ResourceExhausted("x"), TransientError, "firestore_resource_exhausted"),
        (exceptions.PermissionDenied("x"), TransientError, "firestore_permission_denied"),
        (exceptions.Unauthenticated("x"), TransientError, "firestore_unauthenticated"),
        (exceptions.InternalServerError("x"), TransientError, "firestore_internal"),
        (exceptions.Aborted("x"), TransientError, "firestore_aborted"),
        (exceptions.RetryError("x", None), TransientError, "firestore_deadline_exceeded"),
        (exceptions.InvalidArgument("users/planted-uid"), PermanentError,
         "firestore_invalid_argument"),
    ],
)  # fmt: skip
def test_an_error_of_firestore_is_sorted_and_its_text_is_dropped(
    error: Exception, kind: type[Exception], code: str
) -> None:
    with pytest.raises(kind, match=f"^{code}$") as raised:
        store(Client(error=error)).read(["u1"])
    assert raised.value.__cause__ is None


def test_a_uid_that_no_document_can_have_is_refused_for_good() -> None:
    with pytest.raises(PermanentError, match="firestore_invalid_argument"):
        store(Client()).read(["a/b"])


def test_an_error_of_ours_passes_through() -> None:
    with pytest.raises(RuntimeError), translated():
        raise RuntimeError


def test_a_plain_times_precision_is_kept() -> None:
    plain = DatetimeWithNanoseconds.from_rfc3339("2026-05-01T10:00:00.123456Z")
    assert microseconds(plain) == MICROSECONDS
    assert datetime.fromtimestamp(MICROSECONDS / 1e6, UTC).year == 2026
