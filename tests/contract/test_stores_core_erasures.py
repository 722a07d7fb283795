"""Orders of erasure and tombstones, in memory and in PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from shared.erasure.tombstones import BuriedError
from shared.events import Ref
from shared.models.erasures import Receipt
from shared.models.profiles import DoctorProfile, Profile
from shared.outcomes import Outcome
from tests.contract.memory_core_world import batch
from tests.contract.postgres_core_world import CoreWorld
from tests.contract.test_stores_core_documents import D1, D2, document, medicine, store

NOW = datetime.now(UTC).isoformat()
SEALED, AGAIN_S = "sealed", 60.0
REFS = [Ref("user", "u1"), Ref("prescription", "rx"), Ref("user", "u2"), Ref("document", "d1")]


@pytest.fixture(autouse=True)
def _patients(at_core: CoreWorld) -> None:
    for number in (1, 2):
        at_core.put_user(f"id{number}", firebase_uid=f"u{number}")
        at_core.put_patient(f"id{number}", f"p{number}")
    at_core.put_prescription("rx", "id1")


def announced(at_core: CoreWorld) -> set[tuple[str, str]]:
    """Take what the outbox holds for announced; return the erasures among it."""
    token = "11111111-1111-4111-8111-111111111111"
    claimed = at_core.outbox.claim(token, 100, 60)
    at_core.outbox.settle(token, claimed)
    return {(ref.kind, ref.key) for ref in claimed if ref.kind == "erasure"}


def test_an_order_buries_all_that_core_knows_of_the_patient_and_is_announced(
    at_core: CoreWorld,
) -> None:
    key, state = at_core.erasures.order("u1", "asha")
    assert state == "ordered"
    assert at_core.tombstones.buried(REFS) == {("user", "u1"), ("prescription", "rx")}
    assert announced(at_core) == {("erasure", key)}
    assert at_core.erasures.order("u1", "asha") == (key, "ordered")
    found = at_core.erasures.read([key, "unknown"])
    assert {k: (e.uid, e.by_operator, e.round) for k, e in found.items()} == {key: ("u1", True, 1)}


def test_what_turns_up_later_is_buried_too(at_core: CoreWorld) -> None:
    key, _ = at_core.erasures.order("u1", None)
    at_core.erasures.bury(key, [Ref("document", "d1")])
    assert ("document", "d1") in at_core.tombstones.buried(REFS)


def test_only_patients_are_erased(at_core: CoreWorld) -> None:
    at_core.put_user("id2", role="DOCTOR")
    assert at_core.erasures.order("u2", "asha") == (None, "refused")
    assert at_core.tombstones.buried(REFS) == set()
    ref = Ref("user", "u2", 1)
    doctor = (ref, "doctor-u2", DoctorProfile("Asha", "Rao"))
    assert at_core.doctors.store(batch("store_doctor", ref), [doctor])[0].state == "done"
    at_core.put_user("id2", role="PATIENT")  # what was written as a doctor is still the patients'
    assert at_core.erasures.order("u2", "asha") == (None, "refused")


def test_under_legal_hold_an_order_is_noted_and_nothing_is_buried(at_core: CoreWorld) -> None:
    at_core.holds.hold("u1", "case 17", "asha")
    key, state = at_core.erasures.order("u1", "asha")
    assert state == "held"
    assert at_core.tombstones.buried(REFS) == set()
    assert at_core.erasures.read([key]) == {}
    assert at_core.holds.release("u1")
    assert not at_core.holds.release("u1")
    assert at_core.erasures.order("u1", "asha") == (key, "ordered")


def test_a_legal_hold_stops_an_erasure_that_is_being_carried_out(at_core: CoreWorld) -> None:
    key, _ = at_core.erasures.order("u1", None)
    step, done = batch("erase_supabase", Ref("erasure", key)), Outcome(Ref("erasure", key), "done")
    at_core.erasures.note(step, [Receipt(key, "supabase", 2)], [done])
    at_core.holds.hold("u1", "case 17", "asha")
    assert at_core.erasures.read([key]) == {}
    assert at_core.erasures.erase(key)["erased"] == 0
    assert at_core.user("u1") is not None
    assert at_core.erasures.order("u1", "asha") == (key, "held")
    assert at_core.holds.find("u1")["receipts"].keys() == {"all", "supabase"}
    announced(at_core)
    assert at_core.holds.release("u1")
    assert at_core.erasures.order("u1", "asha") == (key, "ordered")
    assert announced(at_core) == {("erasure", key)}
    assert at_core.holds.find("u1")["receipts"].keys() == {"supabase"}


def test_under_legal_hold_no_certified_erasure_runs_again(at_core: CoreWorld) -> None:
    key, _ = at_core.erasures.order("u1", "asha")
    at_core.erasures.erase(key)
    at_core.erasures.end_round(key, 0, "sealed", 0)
    at_core.holds.hold("u1", "case 17", "asha")
    announced(at_core)
    at_core.tombstones.reopen(["u1"])
    assert not at_core.looks.look_again(key, "u1")
    assert announced(at_core) == set()
    at_core.holds.release("u1")
    assert at_core.looks.look_again(key, "u1")


def test_an_erasure_ends_when_a_round_finds_nothing_and_else_is_announced_again(
    at_core: CoreWorld,
) -> None:
    key, _ = at_core.erasures.order("u1", "asha")
    announced(at_core)
    assert at_core.erasures.end_round(key, 3, "sealed", 0) == "ordered"
    assert announced(at_core) == {("erasure", key)}
    assert at_core.erasures.read([key])[key].round == 2
    at_core.erasures.erase(key)
    assert at_core.user("u1") is None
    assert at_core.erasures.end_round(key, 0, "sealed", 0) == "certified"
    assert at_core.erasures.read([key]) == {}
    assert at_core.holds.find("u1")["state"] == "certified"


def test_what_comes_back_opens_a_certified_erasure_once_more(at_core: CoreWorld) -> None:
    key, _ = at_core.erasures.order("u1", "asha")
    at_core.erasures.erase(key)
    at_core.erasures.end_round(key, 0, "sealed", 0)
    announced(at_core)
    at_core.tombstones.reopen(["u1", "u2"])
    assert announced(at_core) == {("erasure", key)}
    assert at_core.erasures.read([key])[key].uid == "u1"
    at_core.tombstones.reopen(["u1"])
    assert announced(at_core) == set()


def test_receipts_add_up_and_keep_the_last_state(at_core: CoreWorld) -> None:
    erasures = at_core.erasures
    key, state = erasures.order("u1", "asha.op")
    assert state == "ordered"
    step, done = batch("erase_core", Ref("erasure", key)), Outcome(Ref("erasure", key), "done")
    erasures.note(step, [Receipt(key, "core", failed="core_unreachable")], [done])
    erasures.note(step, [Receipt(key, "core", 3, 2, code="kept_by_policy")], [done])
    erasures.note(step, [Receipt(key, "core", 1, 0), Receipt(key, "storage")], [done])
    noted = at_core.holds.find("u1")["receipts"]
    assert (noted["core"]["state"], noted["core"]["erased"], noted["core"]["held"]) == (
        "held", 4, 2,
    )  # fmt: skip
    assert noted["storage"]["state"] == "none"
    assert erasures.read([key])[key].by_operator
    assert noted["core"]["code"] == "kept_by_policy"
    waits = [Receipt(key, "queues", waits=True, code="ids_until_last_look")]
    erasures.note(step, waits, [done])
    assert at_core.holds.find("u1")["receipts"]["queues"]["state"] == "held"
    erasures.note(step, [Receipt(key, "queues", code="retention_is_over")], [done])
    assert at_core.holds.find("u1")["receipts"]["queues"]["state"] == "none"
    assert erasures.end_round(key, 1, "sealed", 0) == "ordered"
    assert erasures.read([key])[key].round == 2
    assert erasures.end_round(key, 0, "sealed", 0) == "certified"
    assert erasures.read([key]) == {}
    assert erasures.owners([Ref("user", "u1"), Ref("user", "other")]) == {("user", "u1"): key}
    assert at_core.looks.due_looks(10) == [(key, "sealed")]
    assert not at_core.looks.look_again(key, "another-uid")
    assert at_core.looks.look_again(key, "u1")
    assert erasures.read([key])[key].last_look
    assert erasures.end_round(key, 0, "sealed", 0) == "certified"
    assert at_core.looks.due_looks(10) == []


def test_what_remains_is_counted_wherever_core_tells_of_the_patient(at_core: CoreWorld) -> None:
    key, _ = at_core.erasures.order("u1", "asha")
    counted = [at_core.erasures.remains(key)]  # the account, and its row of the outbox

    def count() -> None:
        counted.append(at_core.erasures.remains(key))

    at_core.fill_patient("id1", allergies="dust")
    count()
    ref = Ref("user", "u1", 7)
    given = [(ref, "p1", Profile(name="Asha Rao"), False)]
    at_core.profiles.store(batch("store_profile", ref), given)
    count()
    store(at_core, document(4, medicine("Demoxil")), document(4, key=D2, uid="u2"))
    count()
    at_core.put_prescription("rx", "id1", pdf_url="s3://a/rx.pdf", created_at=NOW)
    seen = Ref("prescription", "rx", 5)
    at_core.notifications.claim(batch("notify_prescription", seen), "prescription")
    count()
    at_core.pdf_copies.open(["rx"], "documents")
    count()
    assert counted == [2, 3, 4, 6, 8, 9]
    at_core.erasures.erase(key)
    assert at_core.erasures.remains(key) == 0
    assert at_core.document(D1) is None
    assert at_core.document(D2) is not None


def test_a_record_that_is_kept_without_its_person_does_not_remain(at_core: CoreWorld) -> None:
    at_core.put_user("id1", phone="+919811122233", email="asha@example.com")
    at_core.put_patient("id1", "p1", "Asha Rao")
    at_core.put_appointment("a1", "id1", status="COMPLETED")
    key, _ = at_core.erasures.order("u1", "asha")
    assert at_core.erasures.remains(key) == 3
    assert at_core.erasures.erase(key)["held"] >= 1
    assert at_core.patient("id1") == "p1"
    assert at_core.erasures.remains(key) == 0


def test_of_an_account_that_core_never_knew_nothing_remains(at_core: CoreWorld) -> None:
    key, state = at_core.erasures.order("u9", None)
    assert (state, at_core.erasures.remains(key)) == ("ordered", 0)


def test_whoever_asks_along_does_nothing_for_the_buried_and_all_for_the_living(
    at_core: CoreWorld,
) -> None:
    key, _ = at_core.erasures.order("u1", "asha")
    living, done = [Ref("user", "u2"), Ref("erasure", key)], Outcome(Ref("user", "u2", 3), "done")
    with pytest.raises(BuriedError), at_core.tombstones.asked_along([*living, Ref("user", "u1")]):
        at_core.ledger.record(batch("mirror_user"), [done])
    assert at_core.standing("user", "u2", "mirror_user") is None
    with at_core.tombstones.asked_along(living):
        at_core.ledger.record(batch("mirror_user"), [done])
    assert at_core.standing("user", "u2", "mirror_user") == ("done", 3, 3, 0, None)
