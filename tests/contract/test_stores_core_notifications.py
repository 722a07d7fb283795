"""What patients were told, in memory and in PostgreSQL: claims, and the backend's rows."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from shared.events import Ref
from shared.models.notices import Claim, Telling
from shared.notices.notifying import Delivery
from shared.outcomes import Outcome
from shared.runner import Batch
from tests.contract.memory_core_world import TRACE, batch
from tests.contract.postgres_core_world import CoreWorld

STEP = "notify_appointment"
NOON = datetime(2126, 5, 1, 12, tzinfo=UTC)
SOON = datetime.now(UTC).isoformat()
OTHER_TRACE = f"00-{'ef' * 16}-{'cd' * 8}-01"


@pytest.fixture(autouse=True)
def _patient(at_core: CoreWorld) -> None:
    at_core.put_user("id1", firebase_uid="u1")
    at_core.put_patient("id1", "p1")
    at_core.put_appointment("a1", "id1")


def claim(at_core: CoreWorld, trace: str = TRACE) -> list[Claim]:
    ref = Ref("appointment", "a1", version(at_core))
    return at_core.notifications.claim(Batch(STEP, (ref,), trace), "appointment").claims


def version(at_core: CoreWorld) -> int:
    return at_core.version("appointment", "a1")


def settle(
    at_core: CoreWorld,
    claimed: Claim,
    state: str,
    code: str | None = None,
    kind: str = "appointment",
) -> None:
    reached = frozenset({"f1"}) if state == "sent" else frozenset[str]()
    delivery = Delivery(f"n{claimed.version}", claimed, state, code, reached)
    ref = Ref(kind, claimed.key, claimed.version)
    outcome = Outcome(ref, "retrying" if state == "claimed" else "done", code)
    at_core.notifications.settle(batch(STEP, ref), kind, [delivery], [outcome])


def test_a_difference_is_claimed_once_and_stays_open_until_it_is_settled(
    at_core: CoreWorld,
) -> None:
    [first] = claim(at_core)
    assert (first.key, first.version, first.what) == ("a1", version(at_core), "booked")
    assert (first.uid, first.appointment_id, first.reached) == ("u1", "a1", frozenset())
    assert not first.held
    assert first.created_at.tzinfo is not None
    assert claim(at_core) == [first]
    settle(at_core, first, "sent")
    assert claim(at_core) == []
    assert at_core.claims("a1") == [
        {"what": "booked", "state": "sent", "code": None, "attempts": 2, "reached": ["f1"]}
    ]


def test_what_was_told_decides_between_first_and_later_and_open_claims_come_along(
    at_core: CoreWorld,
) -> None:
    settle(at_core, claim(at_core)[0], "sent")
    at_core.repairs.announce_again("appointment", ["a1"])  # a newer version, the same state
    assert claim(at_core) == []
    told: list[list[Claim]] = []
    for columns in ({"start": NOON}, {"status": "CANCELLED"}, {"status": "CONFIRMED"}):
        at_core.put_appointment("a1", "id1", **columns)
        told.append(claim(at_core))
    assert [claims[-1].what for claims in told] == ["rescheduled", "cancelled", "booked"]
    assert [len(claims) for claims in told] == [1, 2, 3]
    assert [c.version for c in told[-1]] == sorted(c.version for c in told[-1])


def test_another_patient_is_told_as_if_nothing_had_been_told(at_core: CoreWorld) -> None:
    settle(at_core, claim(at_core)[0], "sent")
    at_core.put_user("id2", firebase_uid="u2")
    at_core.put_patient("id2", "p2")
    at_core.put_appointment("a1", "id2")
    [other] = claim(at_core)
    assert (other.what, other.uid) == ("booked", "u2")


def test_a_claim_is_held_by_its_message_until_it_lets_go_or_its_lease_runs_out(
    at_core: CoreWorld,
) -> None:
    [first] = claim(at_core)
    assert claim(at_core, OTHER_TRACE) == [replace(first, held=True)]
    at_core.expire_claims()
    assert claim(at_core, OTHER_TRACE) == [first]
    assert claim(at_core) == [replace(first, held=True)]
    settle(at_core, first, "claimed", "fcm_unavailable")
    assert claim(at_core) == [first]


def test_the_backends_row_follows_the_claim_and_what_is_sent_stays_sent(
    at_core: CoreWorld,
) -> None:
    [first] = claim(at_core)
    at, read = f"n{first.version}", first.version
    expected = {"user_id": "id1", "type": "APPOINTMENT_BOOKED", "status": "PENDING"}
    metadata = {"kind": "appointment", "id": "a1"}
    settle(at_core, first, "claimed", "fcm_unavailable")
    assert at_core.notices() == {
        at: expected | {"metadata": metadata | {"code": "fcm_unavailable"}}
    }
    assert at_core.standing("appointment", "a1", STEP) == (
        "retrying", 0, read, 1, "fcm_unavailable",
    )  # fmt: skip
    for state in ("sent", "failed"):
        settle(at_core, first, state)
        assert at_core.notices() == {at: expected | {"status": "SENT", "metadata": metadata}}
    assert at_core.claims("a1")[0]["state"] == "sent"
    assert at_core.standing("appointment", "a1", STEP) == ("done", read, read, 0, None)


def test_a_patient_who_is_gone_meanwhile_has_no_row_and_the_claim_ends(at_core: CoreWorld) -> None:
    [first] = claim(at_core)
    at_core.delete_user("id1")
    settle(at_core, first, "unsent", "no_device")
    assert at_core.notices() == {}
    assert at_core.claims("a1")[0]["state"] == "unsent"


def paper(at_core: CoreWorld, notes: str, **columns: object) -> Telling:
    """Change a prescription; return what is to be told of it."""
    at_core.put_prescription("rx1", "id1", summary={"notes": notes, **columns}, created_at=SOON)
    ref = Ref("prescription", "rx1", at_core.version("prescription", "rx1"))
    return at_core.notifications.claim(batch("notify_prescription", ref), "prescription")


def test_what_is_withdrawn_leads_nowhere_and_a_late_end_does_not_bring_the_link_back(
    at_core: CoreWorld,
) -> None:
    [first] = paper(at_core, "first").claims
    settle(at_core, first, "sent", kind="prescription")
    [second] = paper(at_core, "second").claims
    gone = paper(at_core, "second", revoked=True).withdrawn
    found = [(claim.what, claim.held) for claim in gone]
    assert found == [("new", False), ("changed", True), ("revoked", True)]
    assert paper(at_core, "second", revoked=True).withdrawn == gone
    for late in (second, gone[-1]):
        settle(at_core, late, "sent", kind="prescription")
    rows = at_core.notices().values()
    assert [row["metadata"] for row in rows] == [{"kind": "prescription"}] * 3
    again = paper(at_core, "second")
    [third] = again.claims
    assert (third.what, again.withdrawn) == ("changed", [])
    settle(at_core, third, "sent", kind="prescription")
    about = at_core.notices()[f"n{third.version}"]["metadata"]
    assert about == {"kind": "prescription", "id": "rx1"}


def test_a_batch_without_claims_still_records_its_outcomes(at_core: CoreWorld) -> None:
    outcome = Outcome(Ref("appointment", "a1", 5), "done", "no_news")
    at_core.notifications.settle(batch(STEP, outcome.ref), "appointment", [], [outcome])
    assert at_core.standing("appointment", "a1", STEP) == ("done", 5, 5, 0, "no_news")


def test_a_deleted_prescription_is_unlinked_when_its_copy_goes_and_the_record_stays(
    at_core: CoreWorld,
) -> None:
    [claimed] = paper(at_core, "first").claims
    settle(at_core, claimed, "sent", kind="prescription")
    settle(at_core, claim(at_core)[0], "sent")
    at_core.pdf_copies.open(["rx1", "a1"], "documents")  # one is there, one no prescription
    assert links(at_core) == ["a1", "rx1"]
    at_core.delete_prescription("rx1")
    at_core.pdf_copies.open(["rx1", "unknown"], "documents")
    assert links(at_core) == ["", "a1"]


def links(at_core: CoreWorld) -> list[str]:
    """Return what the backend's notifications lead to, "" for nothing."""
    return sorted(row["metadata"].get("id", "") for row in at_core.notices().values())
