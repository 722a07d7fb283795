"""Firestore's batches and guards, in memory and on the emulator: the stores above rely on them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from shared.errors import ContendedError, PermanentError
from shared.models.appointments import Appointment
from shared.stores.firestore import REMOVED, Snapshot, Write, path
from shared.stores.inboxes import Inboxes, Note
from shared.stores.shown_appointments import ShownAppointments
from tests.contract.test_stores_races import together
from tests.memory.firebase import MemoryFirebase, MemoryFirestore

WHEN = datetime(2126, 5, 1, 10, tzinfo=UTC)
NOTE = Note("n1", "u1", "appointment_booked", "appointment", "a1", WHEN)


@pytest.fixture(name="documents", params=["memory", "emulator"])
def _documents(request: pytest.FixtureRequest) -> Any:
    if request.param == "memory":
        return MemoryFirestore(MemoryFirebase())
    return request.getfixturevalue("firestore")


def fields(documents: Any, at: str) -> dict[str, Any] | None:
    return documents.read([at])[at].data


def appointment(version: int, status: str = "CONFIRMED", **columns: Any) -> Appointment:
    given = {"id": "a1", "doctor_id": "d1", "doctor_uid": "doctor-uid", "uid": "u1"} | columns
    return Appointment(
        patient_id="p1",
        clinic_id=None,
        start=WHEN,
        end=WHEN,
        status=status,
        visit_type="TELE",
        address=None,
        checked_in_at=None,
        created_at=WHEN,
        version=version,
        **given,
    )


def test_what_is_written_is_read_and_what_is_not_there_reads_as_nothing(documents: Any) -> None:
    documents.commit([Write("c/a", {"n": 1, "t": WHEN, "m": {"k": None}, "l": ["x"]})])
    found = documents.read(["c/a", "c/b", "c/a"])
    assert found["c/a"].data == {"n": 1, "t": WHEN, "m": {"k": None}, "l": ["x"]}
    assert found["c/b"] == Snapshot(None, found["c/b"].changed)
    documents.commit([Write("c/a", {"n": 2}), Write("c/b", None)])
    assert fields(documents, "c/a") == {"n": 2}
    documents.commit([Write("c/a", None)])
    assert fields(documents, "c/a") is None


def test_an_update_keeps_other_fields_and_removes_the_named_ones(documents: Any) -> None:
    documents.commit([Write("c/a", {"n": 1, "keep": 2, "gone": 3})])
    before = documents.read(["c/a"])["c/a"]
    documents.commit([Write("c/a", {"n": 4, "gone": REMOVED}, before)])
    assert fields(documents, "c/a") == {"n": 4, "keep": 2}


def test_a_collection_is_read_by_pages_in_order_of_path_and_counted(documents: Any) -> None:
    for uid in ("b", "a", "c"):
        documents.commit([Write(f"users/{uid}", {"name": uid, "token": "t"})])
        documents.commit([Write(f"users/{uid}/visits/v{uid}", {"name": uid})])
    documents.commit([Write("doctors/d/visits/vb", {"name": "d"})])
    first = documents.page("users", None, 2, ["name"])
    assert [(at, found.data) for at, found in first] == [
        ("users/a", {"name": "a"}),
        ("users/b", {"name": "b"}),
    ]
    assert first[0][1].version == documents.read(["users/a"])["users/a"].version
    assert [at for at, _ in documents.page("users", first[-1][0], 2, ["name"])] == ["users/c"]
    assert documents.count("users") == 3
    visits = documents.page("visits", None, 2, ["name"], anywhere=True)
    assert [at for at, _ in visits] == ["doctors/d/visits/vb", "users/a/visits/va"]
    after = documents.page("visits", visits[-1][0], 9, ["name"], anywhere=True)
    assert [at for at, _ in after] == ["users/b/visits/vb", "users/c/visits/vc"]


def test_below_a_document_is_what_hangs_on_it_at_any_depth_and_not_itself(documents: Any) -> None:
    below = ["users/u1/inbox/n1", "users/u1/inbox/n2", "users/u1/devices/phone/seen/n1"]
    others = ["users/u1", "users/u10/inbox/n1", "doctors/u1/inbox/n1"]
    documents.commit([Write(at, {"n": 1}) for at in (*below, *others)])
    assert sorted(documents.below("users/u1")) == sorted(below)
    assert documents.below("users/u1/devices/phone") == ["users/u1/devices/phone/seen/n1"]
    documents.commit([Write("users/u1", None)])
    assert sorted(documents.below("users/u1")) == sorted(below)
    assert documents.below("users/u2") == []


@pytest.mark.parametrize("moved", [{"n": 2}, None])
def test_a_batch_based_on_what_has_moved_is_refused_as_a_whole(
    documents: Any, moved: dict[str, int] | None
) -> None:
    documents.commit([Write("c/a", {"n": 1})])
    before = documents.read(["c/a"])["c/a"]
    documents.commit([Write("c/a", moved)])
    with pytest.raises(ContendedError, match="firestore_moved_on"):
        documents.commit([Write("c/b", {"n": 3}), Write("c/a", {"n": 3}, before)])
    assert (fields(documents, "c/a"), fields(documents, "c/b")) == (moved, None)


def test_of_two_that_make_a_document_one_is_refused(documents: Any) -> None:
    absent = documents.read(["c/a"])["c/a"]
    documents.commit([Write("c/a", {"n": 1}, absent)])
    with pytest.raises(ContendedError, match="firestore_moved_on"):
        documents.commit([Write("c/a", {"n": 2}, absent)])
    assert fields(documents, "c/a") == {"n": 1}


@pytest.mark.parametrize("key", ["a/b", ".", "..", "__a__", "", "x" * 1501, "a b"])
def test_an_id_that_firestore_cannot_hold_is_refused_for_good(key: str) -> None:
    with pytest.raises(PermanentError, match="firestore_id_invalid"):
        path("users", key)


def test_racing_versions_of_an_appointment_end_with_the_newest_everywhere(documents: Any) -> None:
    shown = ShownAppointments(documents)

    def show(given: Appointment) -> None:
        """Try again on contention, as the runner does."""
        for _ in range(10):
            try:
                return shown.show([given], {})
            except ContendedError:
                continue
        raise AssertionError("contended ten times")

    for first in range(1, 16, 3):
        together(
            show,
            appointment(first, doctor_id=f"d{first}"),
            appointment(first + 1, "CANCELLED", doctor_id="d1", uid="u2"),
            appointment(first + 2, "RESCHEDULED", doctor_id="d2", uid="u1"),
        )
        wanted = {"doctors/d2/appointments/a1", "users/u1/appointments/a1"}
        places = {f"doctors/d{n}/appointments/a1" for n in (1, 2, first)} | wanted
        places.add("users/u2/appointments/a1")
        there = {at: s.data for at, s in documents.read(places).items() if s.data}
        assert there.keys() == wanted
        assert {copy["version"] for copy in there.values()} == {first + 2}


def test_a_deletion_and_an_older_version_end_without_the_appointment(documents: Any) -> None:
    shown = ShownAppointments(documents)
    shown.show([appointment(1)], {})
    shown.show([], {"a1": 3})
    shown.show([appointment(2)], {})
    assert fields(documents, "doctors/d1/appointments/a1") is None
    assert fields(documents, "users/u1/appointments/a1") is None
    shown.show([appointment(4)], {})  # the backend used the id again
    assert (fields(documents, "doctors/d1/appointments/a1") or {})["version"] == 4


def test_a_note_is_put_once_and_recipients_are_looked_up_with_what_they_have(
    documents: Any,
) -> None:
    profile = {"fcmToken": "t1", "fcmTokens": ["t2", "t1", 7], "consentNotifications": True}
    documents.commit([Write("users/u1", profile)])
    inboxes = Inboxes(documents)
    before = inboxes.look_up([NOTE])["u1"]
    assert (before.tokens, before.consents, before.present) == (("t1", "t2"), True, frozenset())
    inboxes.put([NOTE])
    assert inboxes.look_up([NOTE])["u1"].present == {"n1"}
    with pytest.raises(ContendedError):
        inboxes.put([NOTE])
    inboxes.forget(before, ["t1"])
    assert fields(documents, "users/u1") == {"fcmTokens": ["t2", 7], "consentNotifications": True}


def test_a_note_loses_its_link_once_and_one_that_is_due_is_laid_without(documents: Any) -> None:
    inboxes, due = Inboxes(documents), replace(NOTE, id="n2")
    inboxes.put([NOTE])
    for _ in range(2):
        inboxes.unlink([NOTE, due, replace(NOTE, id="n3")], {"n1", "n2"})
    wanted = {"type": "appointment_booked", "createdAt": WHEN, "read": False}
    assert fields(documents, "users/u1/inbox/n1") == wanted
    assert fields(documents, "users/u1/inbox/n2") == wanted
    assert fields(documents, "users/u1/inbox/n3") is None
    with pytest.raises(ContendedError):
        inboxes.put([due])  # with the link: too late


def test_a_profile_that_changed_keeps_its_tokens(documents: Any) -> None:
    documents.commit([Write("users/u1", {"fcmToken": "t1"})])
    inboxes = Inboxes(documents)
    before = inboxes.look_up([NOTE])["u1"]
    documents.commit([Write("users/u1", {"fcmToken": "t1", "language": "ta"})])
    with pytest.raises(ContendedError):
        inboxes.forget(before, ["t1"])
    assert (fields(documents, "users/u1") or {})["fcmToken"] == "t1"


def test_only_the_fields_that_are_asked_for_are_read(documents: Any) -> None:
    documents.commit([Write("c/a", {"name": "Asha", "fcmToken": "t", "m": {"k": 1}})])
    assert documents.read(["c/a"], ["name", "m", "absent"])["c/a"].data == {
        "name": "Asha",
        "m": {"k": 1},
    }
    assert documents.read(["c/a"], ["absent"])["c/a"].data == {}


def test_versions_of_what_is_there_and_of_what_is_not_come_from_one_clock(documents: Any) -> None:
    """A read that finds nothing is newer than what was there, older than what comes later."""
    documents.commit([Write("c/a", {"n": 1})])
    there = documents.read(["c/a"])["c/a"].version
    assert documents.read(["c/a"])["c/a"].version == there
    documents.commit([Write("c/a", None)])
    gone = documents.read(["c/a"])["c/a"].version
    documents.commit([Write("c/a", {"n": 2})])
    again = documents.read(["c/a"])["c/a"].version
    assert there < gone < again
