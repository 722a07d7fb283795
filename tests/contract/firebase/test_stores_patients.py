"""One patient in Firebase, as an erasure sees it, in memory and on the emulators."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest

from shared.stores.accounts import Accounts
from shared.stores.firebase_patients import FirebasePatients
from shared.stores.firestore import MAX_WRITES, Write
from tests.contract.firebase.conftest import Emulators
from tests.memory.firebase import MemoryAccounts, MemoryFirebase, MemoryFirestore

UID, OTHER = "leaver", "leaver2"  # one begins like the other
COLLECTIONS = 120  # more than one page of a listing


@pytest.fixture(name="documents", params=["memory", "emulator"])
def _documents(request: pytest.FixtureRequest) -> Any:
    if request.param == "memory":
        return MemoryFirestore(MemoryFirebase())
    return request.getfixturevalue("firestore")


def put(documents: Any, *paths: str) -> None:
    for start in range(0, len(paths), MAX_WRITES):
        documents.commit([Write(path, {"text": "x"}) for path in paths[start : start + MAX_WRITES]])


def test_more_documents_than_a_page_and_a_commit_hold_are_all_erased(documents: Any) -> None:
    notes = [f"users/{UID}/inbox/n{number:04}" for number in range(2 * MAX_WRITES + 7)]
    deep = [f"users/{UID}/devices/phone/seen/n1", f"users/{UID}/devices/phone/seen/n1/more/n2"]
    kinds = [f"users/{UID}/kind{number}/only" for number in range(COLLECTIONS)]
    theirs = [f"users/{OTHER}", f"users/{OTHER}/inbox/n0000"]
    put(documents, f"users/{UID}", *notes, *deep, *kinds, *theirs)
    patients = FirebasePatients(documents)
    everything = {f"users/{UID}", *notes, *deep, *kinds}
    assert set(patients.remains(UID)) == everything
    assert patients.erase(UID) == len(everything)
    assert patients.remains(UID) == []
    assert set(patients.remains(OTHER)) == set(theirs)


def test_what_hangs_below_a_profile_that_is_gone_is_still_found(documents: Any) -> None:
    put(documents, f"users/{UID}/inbox/n1")
    patients = FirebasePatients(documents)
    assert patients.remains(UID) == [f"users/{UID}/inbox/n1"]
    assert patients.erase(UID) == 1


def test_erasing_who_is_gone_or_was_never_there_finds_nothing(documents: Any) -> None:
    patients = FirebasePatients(documents)
    put(documents, f"users/{UID}")
    assert [patients.erase(UID), patients.erase(UID), patients.erase("nobody")] == [1, 0, 0]
    documents.commit([Write(f"users/{UID}", None), Write("users/nobody/inbox/n1", None)])
    assert patients.shown(["visit-of-nobody"]) == []


@pytest.fixture(name="kept")
def _kept(emulators: Emulators, monkeypatch: pytest.MonkeyPatch) -> Generator[Accounts]:
    for name, value in emulators.firebase.environment().items():
        monkeypatch.setenv(name, value)
    accounts = Accounts()
    yield accounts
    accounts.close()


@pytest.mark.parametrize("kind", ["memory", "emulator"])
def test_an_account_is_deleted_once_and_one_that_is_gone_is_none(
    request: pytest.FixtureRequest, kind: str
) -> None:
    accounts: Any = MemoryAccounts(MemoryFirebase())
    if kind == "emulator":
        accounts = request.getfixturevalue("kept")
    accounts.create(UID, "leaver@example.com")
    accounts.create(UID, "leaver@example.com")  # it is there: left alone
    accounts.create(OTHER, "leaver2@example.com")
    assert [accounts.delete(UID), accounts.delete(UID), accounts.delete("nobody")] == [1, 0, 0]
    assert set(accounts.read([UID, OTHER])) == {OTHER}
    assert accounts.delete(OTHER) == 1
