"""One patient in Firestore, as an erasure sees it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from shared.errors import PermanentError
from shared.people.doctor_reading import is_profile
from shared.stores.firestore import MAX_WRITES, Write, path

if TYPE_CHECKING:
    from collections.abc import Iterable

    from shared.stores.firestore import Snapshot


class Firestore(Protocol):
    """Reads and writes, and what lies below a document."""

    def read(
        self, paths: Iterable[str], fields: Sequence[str] | None = None
    ) -> dict[str, Snapshot]: ...

    def below(self, at: str) -> list[str]: ...

    def commit(self, writes: Sequence[Write]) -> None: ...


class FirebasePatients:
    """
    Erases a patient's documents: the profile with its device tokens, every collection below it
    (inbox, appointments, and whatever the apps have made), and a doctor's profile that the same
    person has. Firestore deletes nothing below a document by itself.
    """

    def __init__(self, firestore: Firestore) -> None:
        self._firestore = firestore

    def erase(self, uid: str) -> int:
        """Delete all of the patient's documents; return how many."""
        found = self.remains(uid)
        for start in range(0, len(found), MAX_WRITES):
            self._delete(found[start : start + MAX_WRITES])
        return len(found)

    def _delete(self, paths: Sequence[str]) -> None:
        """
        Delete documents, by halves where Firestore refuses them together: it takes no more than
        10 MB of documents and their index entries at a time, and the apps make what they like.
        """
        try:
            self._firestore.commit([Write(at, None) for at in paths])
        except PermanentError:
            if len(paths) == 1:
                raise
            middle = len(paths) // 2
            self._delete(paths[:middle])
            self._delete(paths[middle:])

    def remains(self, uid: str) -> list[str]:
        """Return the paths of the patient's documents, the profile last: it says whose they are."""
        profile, doctor = path("users", uid), path("doctors", uid)
        found = self._firestore.read([doctor, profile], ["uid"])
        known = {at: snapshot.data for at, snapshot in found.items() if snapshot.data is not None}
        own = [at for at in (doctor, profile) if at in known]
        if doctor in known and not is_profile(uid, known[doctor]):
            own.remove(doctor)
        return [*self._firestore.below(profile), *own]

    def shown(self, visits: Sequence[str]) -> list[str]:
        """Return those of these appointments that are still shown anywhere."""
        places = {path("appointmentPlaces", visit): visit for visit in visits}
        found = self._firestore.read(list(places)) if places else {}
        return [places[at] for at, known in found.items() if (known.data or {}).get("paths")]
