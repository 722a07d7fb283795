"""Profiles are read at their places, of them only what is used, for every uid that is asked for."""

from __future__ import annotations

import pytest

from shared.errors import PermanentError
from shared.people import doctor_reading, profile_reading
from shared.stores.firestore import Snapshot
from shared.stores.profiles import Profiles
from tests.memory.firebase import MemoryFirebase, MemoryFirestore


def test_only_the_fields_that_are_used_leave_firestore() -> None:
    firebase = MemoryFirebase()
    firebase.write_profile("u1", name="Asha", fcmToken="planted", address={"city": "Pune"})
    profiles = Profiles(MemoryFirestore(firebase))
    assert profiles.read(["u1"])["u1"].data == {"name": "Asha"}
    assert not {"fcmToken", "fcmTokens", "address"} & {
        *profile_reading.FIELDS,
        *doctor_reading.FIELDS,
    }


def test_every_uid_is_in_the_answer_and_a_doctors_profile_is_another_document() -> None:
    firebase = MemoryFirebase()
    firebase.write_profile("u1", name="Patient")
    firebase.write_profile("u1", "doctors", name="Doctor")
    profiles = Profiles(MemoryFirestore(firebase))
    assert profiles.read(["u1", "u2"]).keys() == {"u1", "u2"}
    assert profiles.read(["u2"])["u2"] == Snapshot(None)
    assert profiles.read_doctors(["u1"])["u1"].data == {"name": "Doctor"}


@pytest.mark.parametrize("uid", ["a/b", "..", "__x__"])
def test_a_uid_that_no_document_can_have_is_refused_for_good(uid: str) -> None:
    with pytest.raises(PermanentError, match="firestore_id_invalid"):
        Profiles(MemoryFirestore(MemoryFirebase())).read(["u1", uid])
