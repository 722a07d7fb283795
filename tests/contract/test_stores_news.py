"""What is news to a patient: the rule in core's `sync.news`, and the same in memory."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.events import Ref
from shared.models.notices import Telling
from tests.contract.memory_core_world import batch
from tests.contract.postgres_core_world import CoreWorld
from tests.contract.test_stores_core_documents import D1, document, medicine, store

NOW = datetime.now(UTC)
AHEAD, LATER, PAST = NOW + timedelta(days=2), NOW + timedelta(days=3), NOW - timedelta(minutes=1)


@pytest.fixture(autouse=True)
def _patient(at_core: CoreWorld) -> None:
    at_core.put_user("id1", firebase_uid="u1")
    at_core.put_patient("id1", "p1")


def look(at_core: CoreWorld, kind: str, *keys: str) -> Telling:
    refs = [Ref(kind, key, 1) for key in keys]
    return at_core.notifications.claim(batch(f"notify_{kind}", *refs), kind)


def told(at_core: CoreWorld, kind: str, key: str) -> list[str]:
    """Return all that there ever was to tell of an entity, with what there is now."""
    look(at_core, kind, key)
    return [claim["what"] for claim in at_core.claims(key)]


def prescribe(at_core: CoreWorld, summary: Any = None, *, days: float = 0, **columns: Any) -> None:
    created_at = (NOW - timedelta(days=days)).isoformat()
    at_core.put_prescription("rx1", "id1", summary=summary, created_at=created_at, **columns)


def upload(at_core: CoreWorld, version: int, *, days: float = 0, **changed: Any) -> None:
    stored = document(version, medicine("Paracetamol"))
    created_at = (NOW - timedelta(days=days)).isoformat()
    store(at_core, replace(
        stored, document=replace(stored.document, created_at=created_at, **changed)))  # fmt: skip


@pytest.mark.parametrize(
    ("status", "first", "later"),
    [
        ("HOLD", None, None),
        ("CONFIRMED", "booked", "rescheduled"),
        ("RESCHEDULED", "booked", "rescheduled"),
        ("CANCELLED", None, "cancelled"),
        ("STARTED", None, None),
        ("COMPLETED", None, None),
    ],
)
@pytest.mark.parametrize("start", [LATER, PAST])
def test_what_a_status_tells_of_an_appointment_ahead_and_of_one_in_the_past(
    at_core: CoreWorld, status: str, first: str | None, later: str | None, start: datetime
) -> None:
    at_core.put_appointment("a1", "id1", status=status, start=start)
    assert told(at_core, "appointment", "a1") == ([first] if first and start > NOW else [])
    at_core.put_appointment("a2", "id1", start=AHEAD)
    assert told(at_core, "appointment", "a2") == ["booked"]
    at_core.put_appointment("a2", "id1", status=status, start=start)
    news = [later] if later and start > NOW else []
    assert told(at_core, "appointment", "a2") == ["booked", *news]


@pytest.mark.parametrize("ended", ["HOLD", "CANCELLED"])
def test_an_appointment_that_is_confirmed_again_after_there_was_none_is_booked(
    at_core: CoreWorld, ended: str
) -> None:
    for status in ("CONFIRMED", ended, "CONFIRMED"):
        at_core.put_appointment("a1", "id1", status=status)
        whats = told(at_core, "appointment", "a1")
    assert (whats[0], whats[-1], len(whats)) == ("booked", "booked", 3 if ended != "HOLD" else 2)


def test_an_appointment_is_a_time_with_a_doctor_and_nothing_else(at_core: CoreWorld) -> None:
    moment = AHEAD.replace(microsecond=0)
    at_core.put_appointment("a1", "id1", start=moment)
    told(at_core, "appointment", "a1")
    for columns in (
        {"address": "made up"},
        {"checked_in_at": NOW},
        {"status": "RESCHEDULED"},
        {"start": moment + timedelta(milliseconds=300)},
    ):
        at_core.put_appointment("a1", "id1", **columns)
        assert told(at_core, "appointment", "a1") == ["booked"]
    at_core.put_appointment("a1", "id1", start=moment + timedelta(seconds=1))
    assert told(at_core, "appointment", "a1") == ["booked", "rescheduled"]


@pytest.mark.parametrize(("days", "news"), [(0, ["new"]), (6.99, ["new"]), (7.01, []), (400, [])])
def test_a_paper_older_than_a_week_is_no_news_and_its_change_is(
    at_core: CoreWorld, days: float, news: list[str]
) -> None:
    prescribe(at_core, {"notes": "first"}, days=days)
    assert told(at_core, "prescription", "rx1") == news
    prescribe(at_core, {"notes": "second"}, days=days)
    assert told(at_core, "prescription", "rx1") == [*news, "changed"]
    upload(at_core, 1, days=days)
    assert told(at_core, "document", D1) == news
    upload(at_core, 2, days=days, text="second")
    assert told(at_core, "document", D1) == [*news, "changed"]


def test_a_paper_that_says_the_same_is_no_news_wherever_its_file_lies(at_core: CoreWorld) -> None:
    prescribe(at_core, {"notes": "first"})
    told(at_core, "prescription", "rx1")
    before = look(at_core, "prescription", "rx1").versions["rx1"]
    prescribe(at_core, {"notes": "first"}, pdf_url="s3://b/rx1.pdf")
    assert told(at_core, "prescription", "rx1") == ["new"]
    assert look(at_core, "prescription", "rx1").versions["rx1"] > before
    upload(at_core, 3)
    told(at_core, "document", D1)
    upload(at_core, 4, file_url="elsewhere.pdf", confidence=0.1)
    assert told(at_core, "document", D1) == ["new"]


def test_a_documents_version_is_that_of_the_upload_it_was_written_from(at_core: CoreWorld) -> None:
    for version in (3, 4):
        upload(at_core, version)
        found = look(at_core, "document", D1, "unknown")
        assert (found.versions, found.untold) == ({D1: version}, {})


SUMMARIES: list[Any] = [
    {"status": "REVOKED"},
    {"status": " cancelled "},
    {"status": "canceled"},
    {"revoked": True},
    {"revoked": "Yes"},
    {"revoked_at": "2026-05-02"},
    {"revokedAt": 1_777_000_000},
    '{"status": "revoked"}',
]
VALID: list[Any] = [
    None,
    "",
    "null",
    {},
    {"status": "issued"},
    {"revoked": False},
    {"revoked": "no"},
    {"revoked_at": None, "status": None},
    {"revoked_at": ""},
    '{"revoked": false}',
]
COLUMNS: list[dict[str, Any]] = [
    {"status": "Cancelled"},
    {"revoked": True},
    {"revoked_at": "2026-05-02T10:00:00"},
]


@pytest.mark.parametrize("columns", [*({"summary": s} for s in SUMMARIES), *COLUMNS], ids=str)
def test_a_revocation_is_told_to_whoever_knows_of_the_prescription_and_withdraws_what_was_told(
    at_core: CoreWorld, columns: dict[str, Any]
) -> None:
    prescribe(at_core, {"notes": "first"}, pdf_url="s3://b/rx1.pdf")
    assert look(at_core, "prescription", "rx1").withdrawn == []
    prescribe(at_core, **columns)
    found = look(at_core, "prescription", "rx1")
    assert [claim.what for claim in found.claims] == ["new", "revoked"]
    assert [claim.what for claim in found.withdrawn] == ["new", "revoked"]
    assert at_core.prescriptions.read(["rx1"])["rx1"].revoked
    assert at_core.pdf_copies.open(["rx1"], "documents")["rx1"].revoked
    at_core.put_prescription("rx2", "id1", created_at=NOW.isoformat(), **columns)
    assert told(at_core, "prescription", "rx2") == []


@pytest.mark.parametrize("summary", VALID)
def test_a_prescription_that_says_nothing_of_it_is_valid(at_core: CoreWorld, summary: Any) -> None:
    prescribe(at_core, summary, status="issued")
    assert told(at_core, "prescription", "rx1") == ["new"]
    assert not at_core.prescriptions.read(["rx1"])["rx1"].revoked
    assert not at_core.pdf_copies.open(["rx1"], "documents")["rx1"].revoked


@pytest.mark.parametrize("summary", [[], 7, True, "[]", "null and void", '{"notes": '])
def test_of_a_summary_that_cannot_be_read_nothing_is_told_and_nothing_withdrawn(
    at_core: CoreWorld, summary: Any
) -> None:
    prescribe(at_core, {"notes": "first"})
    told(at_core, "prescription", "rx1")
    prescribe(at_core, summary)
    found = look(at_core, "prescription", "rx1")
    assert found.untold == {"rx1": "prescription_summary_unreadable"}
    assert (found.claims, found.withdrawn) == ([], [])


def test_what_core_does_not_have_any_more_is_not_told_and_withdrawn(at_core: CoreWorld) -> None:
    upload(at_core, 1)
    prescribe(at_core)
    kinds = {"document": D1, "prescription": "rx1"}
    for kind, key in kinds.items():
        assert told(at_core, kind, key) == ["new"]
    at_core.delete_user("id1")
    for kind, key in kinds.items():
        for _ in range(2):
            found = look(at_core, kind, key)
            assert (found.versions, found.claims) == ({}, [])
            assert [(claim.what, claim.held) for claim in found.withdrawn] == [("new", True)]


@pytest.mark.parametrize("uid", ["u2", None])
def test_what_was_still_to_be_told_to_whoever_had_it_before_is_not_told(
    at_core: CoreWorld, uid: str | None
) -> None:
    at_core.put_user("id2", firebase_uid=uid)
    at_core.put_patient("id2", "p2")
    at_core.put_appointment("a1", "id1")
    look(at_core, "appointment", "a1")
    at_core.put_appointment("a1", "id2")
    found = look(at_core, "appointment", "a1")
    assert [(claim.uid, claim.held) for claim in found.claims] == [(uid, False)] * bool(uid)
    first = at_core.claims("a1")[0]
    assert (first["state"], first["code"]) == ("unsent", "patient_changed")


def test_what_was_told_of_a_deleted_appointment_stays(at_core: CoreWorld) -> None:
    at_core.put_appointment("a1", "id1")
    look(at_core, "appointment", "a1")
    at_core.delete_appointment("a1")
    assert look(at_core, "appointment", "a1") == Telling({}, {}, [], [])


@pytest.mark.parametrize(
    ("uid", "why"), [(None, "patient_without_sign_in"), ("canary-1", "canary")]
)
def test_who_cannot_be_told_and_the_canary_leave_no_claim(
    at_core: CoreWorld, uid: str | None, why: str
) -> None:
    at_core.put_user("id2", firebase_uid="u2")
    at_core.put_patient("id2", "p2")
    prescribe(at_core)
    at_core.put_appointment("a1", "id2")
    stored = document(1, medicine("Paracetamol"), uid="u2")
    store(at_core, replace(
        stored, document=replace(stored.document, created_at=NOW.isoformat())))  # fmt: skip
    at_core.put_user("id2", firebase_uid=uid)
    at_core.put_user("id1", firebase_uid=uid and f"{uid}0")
    for kind, key in (("document", D1), ("prescription", "rx1"), ("appointment", "a1")):
        found = look(at_core, kind, key)
        assert (found.untold, found.claims) == ({key: why}, [])
        assert list(found.versions) == [key]
        assert at_core.claims(key) == []
    at_core.put_user("id2", firebase_uid="u2")  # signed in since, and nothing had been noted
    assert told(at_core, "appointment", "a1") == ["booked"]
