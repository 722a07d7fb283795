"""Firestore's profiles: patients at `users/{uid}`, doctors at `doctors/{uid}`."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from google.api_core.exceptions import GoogleAPICallError, InvalidArgument, RetryError
from google.cloud.firestore import Client

from shared import doctor_reading, profile_reading, settings
from shared.errors import PermanentError, TransientError
from shared.models import FirestoreDocument

if TYPE_CHECKING:
    from collections.abc import Generator

_TIMEOUT_S = 10.0


class Profiles:
    """
    Reads profiles, and of them only the fields that are used: no token or address leaves Firestore.
    """

    def __init__(self, client: Client | None = None) -> None:
        self._client = client or Client(project=settings.required("GOOGLE_CLOUD_PROJECT"))

    def read(self, uids: Sequence[str]) -> dict[str, FirestoreDocument]:
        """Return the patients' profiles by uid; every uid is in the answer."""
        return self._read("users", uids, profile_reading.FIELDS)

    def read_doctors(self, uids: Sequence[str]) -> dict[str, FirestoreDocument]:
        """Return the doctors' profiles by uid; every uid is in the answer."""
        return self._read("doctors", uids, doctor_reading.FIELDS)

    def _read(
        self, collection: str, uids: Sequence[str], fields: Sequence[str]
    ) -> dict[str, FirestoreDocument]:
        with translated():
            wanted = [self._client.collection(collection).document(uid) for uid in uids]
            # No retry here: Pub/Sub redelivers.
            found = self._client.get_all(
                wanted, field_paths=list(fields), retry=None, timeout=_TIMEOUT_S
            )
            return {str(snapshot.id): _document(snapshot) for snapshot in found}


def microseconds(time: Any) -> int:
    """Return a Firestore time as microseconds since 1970, exactly."""
    stamp = time.timestamp_pb()
    return int(stamp.seconds) * 1_000_000 + int(stamp.nanos) // 1000


@contextmanager
def translated() -> Generator[None]:
    """Turn Firestore's errors into ours; their text may hold a document's path."""
    try:
        yield
    except (InvalidArgument, ValueError):  # a uid that cannot be a document's id, such as "a/b"
        raise PermanentError("firestore_invalid_argument") from None
    except GoogleAPICallError as error:
        code = getattr(error.grpc_status_code, "name", None) or "unknown"
        raise TransientError(f"firestore_{code.lower()}") from None
    except RetryError:
        raise TransientError("firestore_deadline_exceeded") from None


def _document(snapshot: Any) -> FirestoreDocument:
    if not snapshot.exists:
        return FirestoreDocument(None, microseconds(snapshot.read_time))
    return FirestoreDocument(snapshot.to_dict() or {}, microseconds(snapshot.update_time))
