"""Firestore's profiles: patients at `users/{uid}`, doctors at `doctors/{uid}`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from shared.people import doctor_reading, profile_reading
from shared.stores.firestore import Snapshot, path


class Firestore(Protocol):
    """Batched reads."""

    def read(
        self, paths: Iterable[str], fields: Sequence[str] | None = None
    ) -> dict[str, Snapshot]: ...


class Profiles:
    """
    Reads profiles, and of them only the fields that are used: no token or address leaves Firestore.
    """

    def __init__(self, firestore: Firestore) -> None:
        self._firestore = firestore

    def read(self, uids: Sequence[str]) -> dict[str, Snapshot]:
        """Return the patients' profiles by uid; every uid is in the answer."""
        return self._read("users", uids, profile_reading.FIELDS)

    def read_doctors(self, uids: Sequence[str]) -> dict[str, Snapshot]:
        """Return the doctors' profiles by uid; every uid is in the answer."""
        return self._read("doctors", uids, doctor_reading.FIELDS)

    def _read(
        self, collection: str, uids: Sequence[str], fields: Sequence[str]
    ) -> dict[str, Snapshot]:
        paths = {uid: path(collection, uid) for uid in uids}
        found = self._firestore.read(paths.values(), fields)
        return {uid: found[at] for uid, at in paths.items()}
