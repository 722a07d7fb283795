"""
Patients' in-app inboxes in Firestore, and the devices their profiles name.

users/{uid}/inbox/{id}  what the patient was told, under the notification's id: the durable carrier
users/{uid}             the profile, of which only the tokens and the consent are read

An inbox document holds a type and an opaque reference, no name and no clinical word: it is read on
lock screens' terms, behind the patient's own sign-in.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol, cast

from shared.people.profile_reading import NOTIFICATIONS
from shared.stores.firestore import MAX_WRITES, REMOVED, Snapshot, Write, path

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class Note:
    """
    One inbox document: `type` such as appointment_booked, and the entity it is about; no `key`
    if it is to lead nowhere.
    """

    id: str
    uid: str
    type: str
    kind: str
    key: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Recipient:
    """
    A patient's devices and consent. `present` holds the ids of the notes that lie in the inbox.
    """

    uid: str
    tokens: tuple[str, ...]
    consents: bool
    present: frozenset[str]
    profile: Snapshot


class Firestore(Protocol):
    """Batched reads and writes."""

    def read(self, paths: Iterable[str]) -> dict[str, Snapshot]: ...

    def commit(self, writes: Sequence[Write]) -> None: ...


class Inboxes:
    """Looks up recipients, lays notes into inboxes, forgets dead devices."""

    def __init__(self, firestore: Firestore) -> None:
        self._firestore = firestore

    def look_up(self, notes: Sequence[Note]) -> dict[str, Recipient]:
        """Return the recipients of notes, by uid."""
        found = self._firestore.read(
            [*(_place(note) for note in notes), *(path("users", note.uid) for note in notes)]
        )
        present: dict[str, set[str]] = {note.uid: set() for note in notes}
        for note in notes:
            if found[_place(note)].data is not None:
                present[note.uid].add(note.id)
        return {uid: _recipient(uid, found[path("users", uid)], present[uid]) for uid in present}

    def put(self, notes: Sequence[Note]) -> None:
        """
        Lay notes into inboxes that do not have them. Raise ContendedError when one does: it may be
        marked as read, which a second writing would undo.
        """
        absent = Snapshot(None)
        writes = [Write(_place(note), _document(note), absent) for note in notes]
        for start in range(0, len(writes), MAX_WRITES):
            self._firestore.commit(writes[start : start + MAX_WRITES])

    def unlink(self, notes: Sequence[Note], due: Collection[str]) -> None:
        """
        Take the references out of notes. Those of `due` (ids) that do not lie there yet are laid
        without one. Raise ContendedError when one changes meanwhile.
        """
        found = self._firestore.read([_place(note) for note in notes])
        writes: list[Write] = []
        for note in notes:
            lies = found[_place(note)]
            if lies.data is None and note.id in due:
                writes.append(Write(_place(note), _document(replace(note, key=None)), lies))
            elif lies.data is not None and "reference" in lies.data:
                writes.append(Write(_place(note), {"reference": REMOVED}, lies))
        for start in range(0, len(writes), MAX_WRITES):
            self._firestore.commit(writes[start : start + MAX_WRITES])

    def forget(self, recipient: Recipient, dead: Sequence[str]) -> None:
        """
        Take dead tokens out of a profile. Raise ContendedError when the profile changed since it
        was read: the app may have put a new token in the same place.
        """
        fields: dict[str, Any] = {}
        profile = recipient.profile.data or {}
        if profile.get("fcmToken") in dead:
            fields["fcmToken"] = REMOVED
        listed = _listed(profile)
        if any(token in dead for token in listed):
            fields["fcmTokens"] = [token for token in listed if token not in dead]
        if fields:
            at = path("users", recipient.uid)
            self._firestore.commit([Write(at, fields, recipient.profile)])


def _recipient(uid: str, profile: Snapshot, present: set[str]) -> Recipient:
    fields = profile.data or {}
    tokens = [fields.get("fcmToken"), *_listed(fields)]
    named = [token for token in tokens if isinstance(token, str) and token.strip()]
    return Recipient(
        uid, tuple(dict.fromkeys(named)), _consents(fields), frozenset(present), profile
    )


def _consents(profile: Mapping[str, Any]) -> bool:
    """
    Absence is not consent, and neither is anything but a plain yes; the finer field decides. One
    that is there and empty is no yes either: the older field may be from before.
    """
    return next((profile[name] for name in NOTIFICATIONS if name in profile), None) is True


def _listed(profile: Mapping[str, Any]) -> list[Any]:
    tokens = profile.get("fcmTokens")
    return cast("list[Any]", tokens) if isinstance(tokens, list) else []


def _place(note: Note) -> str:
    return path("users", note.uid, "inbox", note.id)


def _document(note: Note) -> dict[str, Any]:
    reference = {} if note.key is None else {"reference": {"kind": note.kind, "id": note.key}}
    return {"type": note.type, "createdAt": note.created_at, "read": False} | reference
