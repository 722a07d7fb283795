"""What patients were told, and the papers they are told of, in memory and in PostgreSQL."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from functions.appointments import notify_appointment
from infra import migrate
from shared.errors import PermanentError
from shared.events import Ref
from shared.models.notices import Claim, News
from shared.notices import paper_news
from shared.notices.notifying import Delivery
from shared.outcomes import Outcome
from shared.runner import Batch
from shared.stores.core import CoreDatabase
from shared.stores.core_appointments import CoreAppointments
from shared.stores.core_notifications import CoreNotifications
from shared.stores.core_papers import CorePapers
from tests.contract.memory_core_world import TRACE, batch
from tests.contract.postgres_core_world import CoreWorld
from tests.contract.test_stores_core_documents import D1, document, medicine, store
from tests.databases import BACKEND, Databases

STEP = "notify_appointment"
NEWS = News("a1", 5, "u1", "at ten", "booked", "rescheduled", "a1")
_BEFORE = """
insert into users (id, role, firebase_uid) values ('id1', 'PATIENT', 'u1'), ('id2', 'DOCTOR', 'd');
insert into patients (id, user_id) values ('p1', 'id1');
insert into doctors (id, user_id, first_name, last_name) values ('doctor-1', 'id2', 'A', 'B');
insert into appointments (id, doctor_id, patient_id, start_ts, end_ts, status)
values ('a1', 'doctor-1', 'p1', '2126-05-01 10:00:00.5', '2126-05-01 10:15', 'CONFIRMED');
insert into prescriptions (id, appointment_id, summary_json)
values ('rx1', 'a1', '{"notes": "first", "lab_tests": []}');
"""
OTHER_TRACE = f"00-{'ef' * 16}-{'cd' * 8}-01"


@pytest.fixture(autouse=True)
def _patient(at_core: CoreWorld) -> None:
    at_core.put_user("id1", firebase_uid="u1")
    at_core.put_patient("id1", "p1")
    at_core.put_appointment("a1", "id1")


def claim(at_core: CoreWorld, *news: News, trace: str = TRACE) -> list[Claim]:
    given = news or (NEWS,)
    refs = tuple(Ref("appointment", item.key, item.version) for item in given)
    return at_core.notifications.claim(Batch(STEP, refs, trace), "appointment", given)


def settle(at_core: CoreWorld, claimed: Claim, state: str, code: str | None = None) -> None:
    reached = frozenset({"f1"}) if state == "sent" else frozenset[str]()
    delivery = Delivery(f"n{claimed.version}", claimed, state, code, reached)
    ref = Ref("appointment", claimed.key, claimed.version)
    outcome = Outcome(ref, "retrying" if state == "claimed" else "done", code)
    at_core.notifications.settle(batch(STEP, ref), "appointment", [delivery], [outcome])


def test_a_difference_is_claimed_once_and_stays_open_until_it_is_settled(
    at_core: CoreWorld,
) -> None:
    [first] = claim(at_core)
    assert (first.key, first.version, first.what, first.uid) == ("a1", 5, "booked", "u1")
    assert (first.appointment_id, first.reached, first.held) == ("a1", frozenset(), False)
    assert first.created_at.tzinfo is not None
    assert claim(at_core) == [first]
    settle(at_core, first, "sent")
    assert claim(at_core) == []
    assert at_core.claims("a1") == [
        {"what": "booked", "state": "sent", "code": None, "attempts": 2, "reached": ["f1"]}
    ]


def test_what_was_told_decides_between_first_and_later(at_core: CoreWorld) -> None:
    settle(at_core, claim(at_core)[0], "sent")
    assert claim(at_core, replace(NEWS, version=6)) == []
    told = [
        claim(at_core, replace(NEWS, version=7, state="at noon")),
        claim(at_core, replace(NEWS, version=8, state="", later="cancelled")),
        claim(at_core, replace(NEWS, version=9)),
    ]
    assert [claims[-1].what for claims in told] == ["rescheduled", "cancelled", "booked"]
    assert [len(claims) for claims in told] == [1, 2, 3]  # the open ones come along


def test_an_older_version_and_nothing_to_tell_are_no_claim(at_core: CoreWorld) -> None:
    assert claim(at_core, replace(NEWS, first=None)) == []
    assert claim(at_core, replace(NEWS, version=4, state="at nine")) == []
    [later] = claim(at_core, replace(NEWS, version=6, state="at noon"))
    assert later.what == "rescheduled"


def test_another_patient_is_told_as_if_nothing_had_been_told(at_core: CoreWorld) -> None:
    settle(at_core, claim(at_core)[0], "sent")
    [other] = claim(at_core, replace(NEWS, version=6, uid="u2"))
    assert (other.what, other.uid) == ("booked", "u2")


def test_a_claim_is_held_by_its_message_until_it_lets_go_or_its_lease_runs_out(
    at_core: CoreWorld,
) -> None:
    [first] = claim(at_core)
    assert claim(at_core, trace=OTHER_TRACE) == [replace(first, held=True)]
    at_core.expire_claims()
    assert claim(at_core, trace=OTHER_TRACE) == [first]
    assert claim(at_core) == [replace(first, held=True)]
    settle(at_core, first, "claimed", "fcm_unavailable")
    assert claim(at_core) == [first]


def test_the_backends_row_follows_the_claim_and_what_is_sent_stays_sent(
    at_core: CoreWorld,
) -> None:
    [first] = claim(at_core)
    expected = {"user_id": "id1", "type": "APPOINTMENT_BOOKED", "status": "PENDING"}
    metadata = {"kind": "appointment", "id": "a1"}
    settle(at_core, first, "claimed", "fcm_unavailable")
    assert at_core.notices() == {
        "n5": expected | {"metadata": metadata | {"code": "fcm_unavailable"}}
    }
    assert at_core.standing("appointment", "a1", STEP) == ("retrying", 0, 5, 1, "fcm_unavailable")
    for state in ("sent", "failed"):
        settle(at_core, first, state)
        assert at_core.notices() == {"n5": expected | {"status": "SENT", "metadata": metadata}}
    assert at_core.claims("a1")[0]["state"] == "sent"
    assert at_core.standing("appointment", "a1", STEP) == ("done", 5, 5, 0, None)


def test_a_patient_who_is_gone_meanwhile_has_no_row_and_the_claim_ends(at_core: CoreWorld) -> None:
    [first] = claim(at_core)
    at_core.delete_user("id1")
    settle(at_core, first, "unsent", "no_device")
    assert at_core.notices() == {}
    assert at_core.claims("a1")[0]["state"] == "unsent"


def test_what_is_withdrawn_leads_nowhere_and_a_late_end_does_not_bring_the_link_back(
    at_core: CoreWorld,
) -> None:
    [first] = claim(at_core)
    settle(at_core, first, "sent")
    [second] = claim(at_core, replace(NEWS, version=7, state="at noon"))
    for _ in range(2):
        gone = at_core.notifications.withdraw("appointment", {"a1": 7, "a2": 9})
        assert [(c.version, c.what, c.held) for c in gone] == [
            (5, "booked", False),
            (7, "rescheduled", True),
        ]
    settle(at_core, second, "sent")
    assert [row["metadata"] for row in at_core.notices().values()] == [{"kind": "appointment"}] * 2
    [third] = claim(at_core, replace(NEWS, version=9, state="at four"))
    settle(at_core, third, "sent")
    at_core.notifications.withdraw("appointment", {"a1": 8})
    assert at_core.notices()["n9"]["metadata"] == {"kind": "appointment", "id": "a1"}


def test_a_batch_without_claims_still_records_its_outcomes(at_core: CoreWorld) -> None:
    outcome = Outcome(Ref("appointment", "a1", 5), "done", "no_news")
    at_core.notifications.settle(batch(STEP, outcome.ref), "appointment", [], [outcome])
    assert at_core.standing("appointment", "a1", STEP) == ("done", 5, 5, 0, "no_news")


def test_what_exists_before_the_sync_begins_is_no_news(databases: Databases) -> None:
    with databases.empty() as dsn:
        with psycopg.connect(dsn) as backend:
            backend.execute(BACKEND.read_bytes())
            backend.execute(_BEFORE)
        migrate.migrate("core", dsn)
        core = CoreDatabase(dsn)
        with contextlib.closing(core), psycopg.connect(dsn) as backend:
            backend.execute("update appointments set checked_in_at = now()")
            backend.execute("update prescriptions set sent_at = now()")
            backend.commit()
            now = datetime(2026, 5, 1, tzinfo=UTC)
            [visit] = CoreAppointments(core).read(["a1"]).values()
            papers = CorePapers(core).prescriptions(["rx1"])
            store = CoreNotifications(core)
            for kind, news in (
                ("appointment", [notify_appointment.news_of(visit, "u1", now)]),
                ("prescription", paper_news.news_of(papers, now)),
            ):
                assert [item.version > 0 for item in news] == [True]
                assert store.claim(batch(STEP), kind, news) == []
            moved = replace(visit, start=visit.start + timedelta(hours=1), version=10**6)
            news = [notify_appointment.news_of(moved, "u1", now)]
            assert [c.what for c in store.claim(batch(STEP), "appointment", news)] == [
                "rescheduled"
            ]


def test_a_prescriptions_digest_is_of_what_it_says(at_core: CoreWorld) -> None:
    at_core.put_prescription("rx1", "id1", summary={"notes": "first"})
    first = at_core.papers.prescriptions(["rx1", "unknown"])["rx1"]
    assert (first.uid, first.appointment_id) == ("u1", "appointment-rx1")
    at_core.put_prescription("rx1", "id1", summary={"notes": "first"}, pdf_url="s3://b/rx1.pdf")
    drawn = at_core.papers.prescriptions(["rx1"])["rx1"]
    at_core.put_prescription("rx1", "id1", summary={"notes": "second"}, pdf_url="s3://b/rx1.pdf")
    changed = at_core.papers.prescriptions(["rx1"])["rx1"]
    assert first.digest == drawn.digest != changed.digest
    assert first.version < drawn.version < changed.version
    at_core.put_prescription("rx1", "id1", summary={"notes": "second", "status": "REVOKED"})
    assert at_core.papers.prescriptions(["rx1"])["rx1"].revoked
    assert not changed.revoked


def test_of_a_summary_that_is_text_it_is_told_what_the_text_says(at_core: CoreWorld) -> None:
    at_core.put_prescription("rx1", "id1", summary='{"status": "revoked"}')
    assert at_core.papers.prescriptions(["rx1"])["rx1"].revoked
    at_core.put_prescription("rx1", "id1", summary="{}")
    assert not at_core.papers.prescriptions(["rx1"])["rx1"].revoked
    at_core.put_prescription("rx1", "id1", summary="[]")
    with pytest.raises(PermanentError, match="prescription_summary_unreadable"):
        at_core.papers.prescriptions(["rx1"])


def test_a_documents_version_is_that_of_the_upload_it_was_written_from(at_core: CoreWorld) -> None:
    store(at_core, document(3, medicine("Paracetamol")))
    first = at_core.papers.documents([D1, "unknown"])[D1]
    assert (first.uid, first.appointment_id, first.version) == ("u1", None, 3)
    assert first.created_at.isoformat() == "2026-05-01T10:00:00+00:00"
    store(at_core, document(4, medicine("Paracetamol")))
    same = at_core.papers.documents([D1])[D1]
    store(at_core, document(5, medicine("Paracetamol", frequency="0-0-1")))
    changed = at_core.papers.documents([D1])[D1]
    assert first.digest == same.digest != changed.digest
    assert (same.version, changed.version) == (4, 5)


def test_a_link_is_taken_out_of_what_was_told_of_a_deleted_entity_and_the_record_stays(
    at_core: CoreWorld,
) -> None:
    [claimed] = claim(at_core)
    settle(at_core, claimed, "sent")
    at_core.links.remove("appointment", ["a2"])
    at_core.links.remove("prescription", ["a1"])
    [before] = at_core.notices().values()
    assert before["metadata"]["id"] == "a1"
    at_core.links.remove("appointment", ["a1", "unknown"])
    [after] = at_core.notices().values()
    assert after["metadata"] == {"kind": "appointment"}
