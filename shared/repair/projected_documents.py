"""Firestore's documents as rows of projections: the other side of core's views of the same name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, Protocol

from shared.errors import PermanentError
from shared.people import doctor_reading, profile_reading
from shared.repair.projections import Row, canonical_row
from shared.stores.firestore import Snapshot, path

if TYPE_CHECKING:
    from shared.models.profiles import Profile

_PAGE = 300  # documents in memory at a time
_PLACES = {"doctors", "users"}
_FIELDS = (
    "doctorId", "patientId", "clinicId", "startTs", "endTs", "status", "visitType", "address",
    "checkedInAt", "createdAt",
)  # fmt: skip
_FOUND_IN_CORE = {"phone_differs", "email_differs"}

Listed = Iterator[tuple[Row, float]]  # rows, with the Unix seconds of the document's last change


class Firestore(Protocol):
    """Pages of documents."""

    def page(
        self,
        collection: str,
        after: str | None,
        limit: int,
        fields: Sequence[str],
        *,
        anywhere: bool = False,
    ) -> list[tuple[str, Snapshot]]: ...

    def read(self, paths: Sequence[str], fields: Sequence[str]) -> dict[str, Snapshot]: ...


class Roles(Protocol):
    """Core's users."""

    def not_patients(self, uids: Sequence[str]) -> set[str]: ...


def pages(
    firestore: Firestore, collection: str, fields: Sequence[str], *, anywhere: bool = False
) -> Iterator[list[tuple[str, Snapshot]]]:
    """Return all documents of a collection, by pages in order of path."""
    after: str | None = None
    while page := firestore.page(collection, after, _PAGE, fields, anywhere=anywhere):
        yield page
        if len(page) < _PAGE:
            return
        after = page[-1][0]


def appointments(firestore: Firestore) -> Listed:
    """Return the copies of appointments, doctors' and patients'."""
    for page in pages(firestore, "appointments", _FIELDS, anywhere=True):
        copies = [(at, at.split("/"), shown) for at, shown in page if is_copy(at)]
        shown_to = {path("doctors", parts[1]) for _, parts, _ in copies if parts[0] == "doctors"}
        readers = firestore.read(sorted(shown_to), ["uid"]) if shown_to else {}
        for at, parts, shown in copies:
            above = readers.get(path(*parts[:2]))
            reader = (above.data or {}).get("uid") if above else None
            yield appointment_row(at, shown.data or {}, reader), shown.version / 1e6


def is_copy(at: str) -> bool:
    """Tell our copies of appointments from other collections that the apps call the same."""
    parts = at.split("/")
    return len(parts) == 4 and parts[0] in _PLACES


def appointment_row(at: str, fields: Mapping[str, Any], reader: str | None) -> Row:
    """Return the row of one copy; `reader` is the sign-in of the doctor whose copy it is."""
    values = [_plain(fields.get(name)) for name in _FIELDS]
    return canonical_row(at.rpartition("/")[2], at, [*values, reader])


def profiles(firestore: Firestore, roles: Roles, today: date) -> Listed:
    """Return the patients' profiles. One of a user who is no patient is core's to pass over."""
    for page in pages(firestore, "users", profile_reading.FIELDS):
        others = roles.not_patients([_id(at) for at, _ in page])
        for at, snapshot in page:
            if _id(at) not in others:
                read = profile_reading.read_profile(snapshot.data or {}, today)
                yield profile_row(_id(at), read), snapshot.version / 1e6


def profile_row(uid: str, profile: Profile) -> Row:
    """Return a profile's row: what it gives, its consents, and what is to be reviewed of it."""
    reasons = [reason for reason in profile.review_reasons if reason not in _FOUND_IN_CORE]
    given = [
        profile.name, profile.dob.isoformat() if profile.dob else None, profile.gender,
        profile.allergies, profile.chronic_conditions, profile.emergency_contact, profile.language,
        profile.consent_data_use, profile.consent_notifications, reasons,
    ]  # fmt: skip
    return canonical_row(uid, uid, given)


def doctors(firestore: Firestore) -> Listed:
    """Return the doctors' profiles, not the documents that appointments hang on."""
    for page in pages(firestore, "doctors", doctor_reading.FIELDS):
        for at, snapshot in page:
            if doctor_reading.is_profile(_id(at), snapshot.data or {}):
                yield doctor_row(_id(at), snapshot.data or {}), snapshot.version / 1e6


def doctor_row(uid: str, fields: Mapping[str, Any]) -> Row:
    """Return a doctor's row: the name. One that cannot be read is parked, and no row of core's."""
    try:
        read = doctor_reading.read_doctor(fields)
    except PermanentError:
        return canonical_row(uid, uid, [None, None])
    return canonical_row(uid, uid, [read.first_name, read.last_name])


def _id(at: str) -> str:
    return at.rpartition("/")[2]


def _plain(value: object) -> object:
    """Return a time as core's view writes it; anything that is no text is as good as absent."""
    if isinstance(value, datetime):
        stamp = value.astimezone(UTC)
        return f"{stamp:%Y-%m-%d %H:%M:%S}.{stamp.microsecond // 1000:03}"
    return value if isinstance(value, str) else None
