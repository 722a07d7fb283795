"""
Compare what patients and doctors see with core: appointments in Firestore, inboxes, pushes.

Like compare.py it does without the sync's own code.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from infra.local.demo.stores import Row, Stores
from infra.local.demo.visits import Told

GONE = "gone"  # what is told of a deleted document or revoked prescription leads to
_FIELDS = {
    "doctorId": "doctor_id", "patientId": "patient_id", "clinicId": "clinic_id",
    "startTs": "start_ts", "endTs": "end_ts", "status": "status", "visitType": "visit_type",
    "address": "address", "checkedInAt": "checked_in_at", "createdAt": "created_at",
    "version": "version",
}  # fmt: skip


def notice_disagreements(stores: Stores, told: Sequence[Told]) -> list[str]:
    """
    Return what is shown or told other than it should be; `told` is what was told besides that
    there is a document or a prescription.
    """
    return [*shown_disagreements(stores), *_notices(stores, told)]


def told_twice(stores: Stores) -> list[str]:
    """Return what lies in an inbox more than once, of what can be told but once."""
    notes = Counter(
        (note["type"], note["reference"]["id"])
        for note in stores.inbox.values()
        if "reference" in note and note["type"].endswith(("_new", "_booked", "_cancelled"))
    )
    return [f"inbox: {kind} of {key} too many" for (kind, key), count in notes.items() if count > 1]


def shown_disagreements(stores: Stores) -> list[str]:
    """Return the appointments that Firestore shows other than core has them."""
    return list(_appointments(stores))


def _appointments(stores: Stores) -> Iterator[str]:
    shown = dict(stores.shown_appointments)
    for row in stores.appointments:
        wanted = {name: row[column] for name, column in _FIELDS.items()}
        places = [f"doctors/{row['doctor_id']}", *([f"users/{row['uid']}"] if row["uid"] else [])]
        for place in places:
            copy = shown.pop(f"{place}/appointments/{row['id']}", None)
            if copy is None:
                yield f"appointment {row['id']}: not shown at {place.split('/')[0]}"
                continue
            yield from (
                f"appointment {row['id']}: {name}"
                for name, value in (wanted | {"appointmentId": row["id"]}).items()
                if copy.get(name) != value
            )
    yield from (f"appointment shown but not in core: {path}" for path in shown)


def expected(stores: Stores, told: Sequence[Told]) -> list[Told]:
    """Return what patients should have been told, each piece once."""
    papers = [("document", row) for row in stores.documents]
    papers += [("prescription", row) for row in stores.prescriptions]
    return [*told, *((row["uid"], f"{kind}_new", row["id"]) for kind, row in papers)]


def _notices(stores: Stores, told: Sequence[Told]) -> Iterator[str]:
    existing = {row["id"] for row in stores.documents}
    existing |= {row["id"] for row in stores.prescriptions if not _is_revoked(row)}
    wanted = Counter(
        (uid, kind, key if kind.startswith("appointment") or key in existing else GONE)
        for uid, kind, key in expected(stores, told)
    )
    notes = {
        path: (path.split("/")[1], note["type"], note.get("reference", {}).get("id", GONE))
        for path, note in stores.inbox.items()
    }
    yield from _difference("inbox", wanted, Counter(notes.values()))
    rows = Counter(
        (row["uid"], row["type"].lower(), row["metadata"].get("id", GONE))
        for row in stores.notifications
    )
    yield from _difference("core notifications", wanted, rows)
    by_id = {row["id"]: row for row in stores.notifications}
    seen: Counter[tuple[str, str]] = Counter()
    for path in notes:
        uid, note_id = path.split("/")[1], path.split("/")[3]
        tokens = tokens_of(stores.profiles.get(uid, {}))
        seen.update((token, note_id) for token in tokens)
        status = by_id.get(note_id, {}).get("status")
        if status != ("SENT" if tokens else "UNSENT"):
            yield f"notification {note_id}: status"
    pushed = Counter((token, tag) for token, tags in stores.shown_pushes.items() for tag in tags)
    if seen != pushed:
        missing, extra = seen - pushed, pushed - seen
        yield f"pushes: {missing.total()} missing, {extra.total()} that should not be seen"


def _is_revoked(prescription: Row) -> bool:
    return prescription["summary_json"].get("status") == "revoked"


def tokens_of(profile: Mapping[str, object]) -> list[str]:
    """Return the devices that may be pushed to: those of a profile whose owner consents."""
    if profile.get("consentNotifications", profile.get("consentGiven")) is not True:
        return []
    listed = profile.get("fcmTokens")
    single = profile.get("fcmToken")
    tokens = [single, *(listed if isinstance(listed, list) else [])]
    return [token for token in tokens if isinstance(token, str)]


def _difference(name: str, wanted: Counter[Told], found: Counter[Told]) -> Iterator[str]:
    for what, difference in (("missing", wanted - found), ("too many", found - wanted)):
        yield from (f"{name}: {kind} of {key} {what}" for _, kind, key in difference)


def count_pushes(stores: Stores) -> int:
    """Return how many notifications the devices show."""
    return sum(len(tags) for tags in stores.shown_pushes.values())


def rows_of(documents: Mapping[str, Row], prefix: str) -> int:
    """Return how many documents lie under a collection."""
    return sum(path.startswith(prefix) for path in documents)
