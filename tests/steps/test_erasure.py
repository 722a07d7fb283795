"""An erased patient is gone from every store, and nothing that comes late brings them back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module
from itertools import takewhile
from typing import Any
from uuid import UUID

import pytest
from cloudevents.http import CloudEvent
from flask.testing import FlaskClient

from functions.erasure.announce_erasure import announce_erasure
from shared import catalog, clients
from shared.erasure.erasing import look_for_the_last_time
from shared.errors import PermanentError, TransientError
from shared.events import Ref, encode
from shared.relay import drain
from shared.runtime import CORE_FIRST
from tests import conftest
from tests.memory import faults
from tests.memory.clients import MemoryClients
from tests.memory.place import alias, no_hook
from tests.steps.conftest import Send

UID, MARK = "uid-of-asha", "planted-marker"
DOCUMENT = "7c8f4f4e-8c1b-4f4e-9d3c-1d2b3c4d5e6f"
URL = "https://prescriptions.s3.ap-south-1.amazonaws.com/rx1.pdf"
STEPS = [
    step
    for step in catalog.load().steps()
    if catalog.load().topics[step.topic or ""]["kind"] not in {"erasure", "any"}
]
NAMESPACE = UUID(conftest.NAMESPACE)
KEYS = {"user": UID, "document": DOCUMENT, "prescription": "rx1", "appointment": "a1"}
FOREIGN_READS = {"supabase_documents.read", "firestore.read"}
READS = {"core_tombstones.buried", "core_tombstones.reopen", "ledger.record", "ledger.pause"}


def run(to: MemoryClients) -> None:
    """Relay both outboxes and deliver, until nothing is open."""
    topics = catalog.load().announced_by
    while True:
        sent = drain(to.core_outbox, to.publish, topics("core"), budget_s=60)
        sent += drain(to.supabase_outbox, to.publish, topics("supabase"), budget_s=60)
        if not sent and not to.bus.pending:
            return
        to.run()


def sign_up(to: MemoryClients, uid: str = UID, contact: str = f"{MARK}@example.com") -> None:
    to.firebase.sign_up(uid, email=contact)
    to.firebase.write_profile(uid, name=MARK, fcmToken=f"token-{MARK}", consentNotifications=True)
    to.publish([event("user-changed", uid), event("profile-changed", uid)])
    run(to)


def event(topic: str, key: str) -> Any:
    from shared.events import Event, new_traceparent

    return Event(topic, (Ref(catalog.load().topics[topic]["kind"], key),), new_traceparent())


@pytest.fixture(name="patient", autouse=True)
def _patient(to: MemoryClients) -> None:
    """A patient with something in every store."""
    sign_up(to)
    user = to.memory_core.user_by_uid(UID)
    assert user is not None
    to.pdfs.pdfs[URL] = b"%PDF " + MARK.encode()
    to.memory_core.doctor_uids["doctor-1"] = "doctor-uid"
    to.memory_core.put_appointment("a1", user["id"], address=MARK)
    to.memory_core.put_prescription("rx1", user["id"], pdf_url=URL, summary={"notes": MARK})
    to.memory_core.prescription_rows["rx1"]["created_at"] = "2016-05-01T10:00:00.000Z"
    to.memory_supabase.upload(
        {"id": DOCUMENT, "patient_id": UID, "type": "report", "text": MARK,
         "file_url": f"documents/{UID}/a.jpg", "structured_json": {"medications": [{"name": MARK}]}}
    )  # fmt: skip
    to.files.files[f"documents/{UID}/a.jpg"] = MARK.encode()
    run(to)
    assert {"users", "told", "documents"} <= {name for name, _ in everywhere(to)}


def everywhere(to: MemoryClients) -> Iterator[tuple[str, str]]:
    """Yield where in the stores the uid or a planted marker is found."""
    places = {"core": to.memory_core, "supabase": to.memory_supabase}
    places |= {"firebase": to.firebase, "files": to.files}
    for place in places.values():
        for name, state in vars(place).items():
            if name == "uploads":  # the test's own record of what ever was uploaded
                continue
            text = repr(state if name != "outbox" else state.rows)
            if UID in text or MARK in text:
                yield {"user_rows": "users", "document_rows": "documents"}.get(name, name), text


def receipts(to: MemoryClients) -> dict[str, str]:
    row = to.memory_core.erasure_rows[alias("user", UID)]
    return {store: receipt["state"] for store, receipt in row["receipts"].items()}


def state(to: MemoryClients) -> str:
    return to.memory_core.erasure_rows[alias("user", UID)]["state"]


def days_pass(to: MemoryClients, days: int) -> None:
    to.bus.waited += days * 86_400


def look_again(to: MemoryClients, namespace: UUID = NAMESPACE) -> int:
    return look_for_the_last_time(to.core_erasures, namespace, 10)


def delete_account(to: MemoryClients) -> None:
    to.firebase.delete(UID)
    to.publish([event("user-deleted", UID)])
    run(to)


def test_a_deleted_account_takes_the_patient_out_of_every_store(to: MemoryClients) -> None:
    delete_account(to)
    assert [name for name, _ in everywhere(to)] == []
    assert state(to) == "certified"
    assert receipts(to) == {
        "supabase": "erased",
        "storage": "erased",
        "supabase_auth": "erased",
        "firestore": "erased",
        "firebase_auth": "none",
        "core": "erased",
        "backend_s3": "held",
        "dead_letters": "none",
        "certificate": "none",
        "queues": "held",
    }


def test_when_no_message_of_before_is_left_the_erasure_runs_once_more_and_for_the_last_time(
    to: MemoryClients,
) -> None:
    delete_account(to)
    assert look_again(to) == 0  # messages may still wait
    to.firebase.put_document(f"users/{UID}/inbox/late", {"text": MARK})  # no event tells of it
    to.files.files[f"documents/{UID}/late.jpg"] = MARK.encode()
    days_pass(to, 8)
    assert look_again(to) == 1
    run(to)
    assert [name for name, _ in everywhere(to)] == []
    assert (state(to), receipts(to)["queues"]) == ("certified", "none")
    days_pass(to, 1000)
    assert look_again(to) == 0


def test_whom_a_late_event_names_is_watched_anew(to: MemoryClients) -> None:
    delete_account(to)
    days_pass(to, 8)
    assert look_again(to) == 1
    run(to)
    to.publish([event("user-changed", UID)])
    run(to)
    assert receipts(to)["queues"] == "held"
    days_pass(to, 8)
    assert look_again(to) == 1


def test_who_is_erased_is_not_to_be_read_from_the_record_between_the_looks(
    to: MemoryClients,
) -> None:
    delete_account(to)
    (row,) = to.memory_core.erasure_rows.values()
    assert UID not in repr(row)
    assert look_again(to, namespace=UUID(int=7)) == 0
    days_pass(to, 8)
    assert look_again(to, namespace=UUID(int=7)) == 0  # another secret opens nothing
    assert look_again(to) == 1


def test_kept_dead_letters_that_name_the_patient_go_and_the_others_stay(to: MemoryClients) -> None:
    theirs = [event("user-changed", "somebody-else"), event("document-changed", "not-a-uid")]
    mine = [event("user-changed", UID), event("appointment-changed", "a1")]
    to.bus.kept = [encode(e)[0] for e in (theirs[0], *mine, theirs[1])] + [b"no event of ours"]
    delete_account(to)
    assert to.bus.kept == [*(encode(e)[0] for e in theirs), b"no event of ours"]
    row = to.memory_core.erasure_rows[alias("user", UID)]
    assert row["receipts"]["dead_letters"] == {"state": "erased", "erased": 2, "held": 0}


def test_the_erasures_own_events_five_times_in_any_order_have_one_effect(to: MemoryClients) -> None:
    delete_account(to)
    row = to.memory_core.erasure_rows[alias("user", UID)]
    told = {store: dict(receipt) for store, receipt in row["receipts"].items()}
    topics = [t for t, given in catalog.load().topics.items() if given["kind"] == "erasure"]
    of_chain = [m for m in to.bus.messages if m[0] in {"user-deleted", *topics}]
    assert {topic for topic, _, _ in of_chain} == {"user-deleted", *topics}
    for topic, data, attributes in [*reversed(of_chain), *of_chain] * 5:
        to.bus.accept(topic, data, dict(attributes))
    run(to)
    assert [name for name, _ in everywhere(to)] == []
    assert state(to) == "certified"
    assert row["receipts"] == told


def test_an_order_given_again_keeps_what_was_told_of_the_first(to: MemoryClients) -> None:
    delete_account(to)
    before = to.memory_core.erasure_rows[alias("user", UID)]["receipts"]["supabase"]["erased"]
    assert to.core_erasures.order(UID, "asha.op")[1] == "ordered"
    run(to)
    after = to.memory_core.erasure_rows[alias("user", UID)]["receipts"]["supabase"]
    assert (after["state"], after["erased"]) == ("erased", before)


def test_visits_that_the_policy_keeps_stay_without_the_person(to: MemoryClients) -> None:
    user = to.memory_core.user_by_uid(UID)
    assert user is not None
    to.memory_core.put_appointment("a1", user["id"], status="COMPLETED", address=None)
    delete_account(to)
    assert to.memory_core.appointment_rows.keys() == {"a1"}
    assert to.memory_core.user_rows[user["id"]]["firebase_uid"] is None
    assert list(everywhere(to)) == []
    assert receipts(to)["core"] == "held"


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_no_step_does_anything_for_an_erased_patient(to: MemoryClients, step: Any) -> None:
    """A new step is in the catalog, so it is here; a new kind needs its key in KEYS."""
    delete_account(to)
    kind = catalog.load().topics[step.topic]["kind"]
    effects: list[str] = []
    for place in (to.memory_core, to.memory_supabase, to.firebase, to.files, to.memory_messaging):
        place.hook = lambda moment, name: effects.append(name) if moment == "before" else None
    before = len(to.memory_core.journal_rows)
    to.publish([event(step.topic, KEYS[kind])])
    to.run()
    assert set(effects) <= READS
    written = {r.step: r for r in to.memory_core.journal_rows[before:]}[step.name]
    assert (written.state, written.code) == ("gone", "patient_erased")
    assert written.key == alias(kind, KEYS[kind])
    run(to)
    assert list(everywhere(to)) == []


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_a_step_that_asks_along_with_core_only_reads_before(to: MemoryClients, step: Any) -> None:
    import_module(step.module)
    effects: list[str] = []
    for place in to.places:
        place.hook = lambda moment, name: effects.append(name) if moment == "before" else None

    to.publish([event(step.topic, KEYS[catalog.load().topics[step.topic]["kind"]])])
    (delivery,) = [each for each in to.bus.pending if each.function == step.name]
    effects.clear()
    to.bus.deliver(to, delivery)

    after = effects[effects.index("core_tombstones.buried") + 1 :]
    before = takewhile(lambda name: not name.startswith(("core_", "ledger.")), after)
    assert step.name not in CORE_FIRST or set(before) <= FOREIGN_READS


def test_the_living_of_a_batch_go_on_without_the_erased(to: MemoryClients, send: Send) -> None:
    delete_account(to)
    to.firebase.sign_up("u2", email="ravi@example.com")
    send("user-changed", Ref("user", UID), Ref("user", "u2"))
    assert to.memory_core.user_by_uid("u2") is not None
    assert to.memory_core.user_by_uid(UID) is None


def test_what_an_app_writes_late_is_erased_once_more(to: MemoryClients) -> None:
    delete_account(to)
    to.firebase.write_profile(UID, name=MARK)
    to.publish([event("profile-changed", UID)])
    run(to)
    assert list(everywhere(to)) == []
    assert state(to) == "certified"


def test_an_upload_of_an_erased_patient_is_refused_by_the_store(to: MemoryClients) -> None:
    delete_account(to)
    with pytest.raises(PermanentError, match="patient_erased"):
        to.memory_supabase.upload({"id": DOCUMENT, "patient_id": UID, "text": MARK})


def test_an_upload_that_core_never_had_is_buried_too(to: MemoryClients) -> None:
    unseen = DOCUMENT.replace("7", "8")
    to.memory_supabase.upload({"id": unseen, "patient_id": UID, "text": MARK})
    delete_account(to)
    to.publish([event("document-changed", unseen)])
    run(to)
    assert to.memory_core.journal_rows[-1].code == "patient_erased"
    assert list(everywhere(to)) == []


def test_a_step_that_was_running_cannot_bring_the_patient_back(to: MemoryClients) -> None:
    """It writes after the erasure has passed its store; the certificate looks again."""
    user = to.memory_core.user_by_uid(UID)
    assert user is not None
    auth = dict(to.memory_supabase.auth_users)

    def write_late() -> None:
        to.memory_supabase.auth_users.update(auth)
        to.files.files[f"documents/{UID}/late.pdf"] = MARK.encode()

    faults.at(to.memory_core, "core_erasures.erase", write_late, moment="after")
    delete_account(to)
    to.memory_core.hook = no_hook
    assert list(everywhere(to)) == []
    assert to.memory_supabase.auth_users == {}
    assert to.memory_core.erasure_rows[alias("user", UID)]["round"] == 2
    assert state(to) == "certified"


def shown(to: MemoryClients) -> list[str]:
    return [path for path in to.firebase.documents if "/appointments/" in path]


def book(to: MemoryClients, key: str) -> dict[str, Any]:
    """Book a visit for the patient; return what a step reads of it now."""
    user = to.memory_core.user_by_uid(UID)
    assert user is not None
    to.memory_core.put_appointment(key, user["id"])
    return to.core_appointments.read([key])


def test_a_visit_booked_and_shown_while_the_erasure_runs_is_gone_when_it_is_certified(
    to: MemoryClients,
) -> None:
    """Firestore is erased by then, and after it core erases the row that tells of the visit."""

    def act() -> None:
        to.shown_appointments.show(list(book(to, "a2").values()), {})
        assert len(shown(to)) == 2

    faults.at(to.memory_core, "core_erasures.erase", act, moment="before")
    delete_account(to)
    assert shown(to) == []
    assert state(to) == "certified"


def test_a_visit_booked_while_the_erasure_runs_and_shown_late_is_waited_for(
    to: MemoryClients,
) -> None:
    """The order is old by then: what counts is when the last of the patient's was buried."""

    def act() -> None:
        days_pass(to, 1)
        read = list(book(to, "a2").values())
        write = partial(to.shown_appointments.show, read, {})
        faults.at(to.memory_core, "core_erasures.remains", write, moment="before")

    faults.at(to.memory_core, "core_erasures.erase", act, moment="before")
    delete_account(to)
    assert to.memory_core.erasure_rows[alias("user", UID)]["round"] == 2
    assert ("certify_erasure", "steps_may_still_run") in to.bus.refusals
    assert shown(to) == []
    assert state(to) == "certified"


def test_a_visit_that_the_backend_deletes_while_the_erasure_runs_is_gone_from_firestore(
    to: MemoryClients,
) -> None:
    """No step is run for its deletion: it is buried."""
    assert shown(to)
    delete = partial(to.memory_core.delete_appointment, "a1")
    faults.at(to.memory_supabase, "supabase_patients.erase", delete, moment="before")
    delete_account(to)
    assert shown(to) == []
    assert state(to) == "certified"


def test_the_certificate_waits_until_no_step_can_be_running(to: MemoryClients) -> None:
    delete_account(to)
    assert ("certify_erasure", "steps_may_still_run") in to.bus.refusals
    assert to.bus.waited > 500


def test_what_cannot_be_erased_is_failed_on_the_receipt_and_not_certified(
    to: MemoryClients,
) -> None:
    """Each of erase_supabase, erase_firebase, erase_core and certify_erasure notes its stores."""
    to.files.error = PermanentError("storage_refused")
    delete_account(to)
    assert receipts(to)["storage"] == "failed"
    assert state(to) == "ordered"


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize(
    ("place", "effect"),
    [
        ("memory_core", "core_erasures.order"),
        ("memory_core", "core_erasures.erase"),
        ("memory_core", "core_erasures.note"),
        ("memory_core", "core_erasures.end_round"),
        ("memory_supabase", "supabase_patients.erase"),
        ("memory_supabase", "supabase_patients.delete_user"),
        ("firebase", "firestore.commit"),
        ("files", "storage.delete"),
        ("bus", "bus.publish supabase-erased"),
        ("bus", "dead_letters.erase"),
    ],
)
def test_an_outage_anywhere_only_delays_it(
    to: MemoryClients, place: str, effect: str, moment: str
) -> None:
    faults.fail(getattr(to, place), effect, TransientError("unreachable"), moment=moment)
    delete_account(to)
    assert list(everywhere(to)) == []
    assert state(to) == "certified"


def test_an_account_that_exists_is_not_erased_by_an_event(to: MemoryClients) -> None:
    to.publish([event("user-deleted", UID)])
    run(to)
    assert to.memory_core.user_by_uid(UID) is not None
    assert to.memory_core.erasure_rows == {}


def test_a_legal_hold_keeps_everything_and_is_on_the_receipt(to: MemoryClients) -> None:
    to.core_erasures.hold(UID, "court order 17", "asha.op")
    before = sorted(name for name, _ in everywhere(to))
    delete_account(to)
    assert receipts(to) == {"all": "held"}
    assert set(before) - {"account_rows"} <= {name for name, _ in everywhere(to)}
    assert to.core_erasures.release(UID)
    assert to.core_erasures.order(UID, "asha.op")[1] == "ordered"
    run(to)
    assert list(everywhere(to)) == []


def test_a_doctor_is_not_erased(to: MemoryClients) -> None:
    user = to.memory_core.user_by_uid(UID)
    assert user is not None
    to.memory_core.put_user(user["id"], role="DOCTOR")
    delete_account(to)
    assert to.memory_core.erasure_rows == {}
    standing = to.memory_core.ledger_rows["user", UID, "bury_user"]
    assert (standing.state, standing.error_code) == ("parked", "account_is_no_patient")


def test_the_same_person_with_a_new_account_is_a_new_patient(to: MemoryClients) -> None:
    delete_account(to)
    sign_up(to, "a-new-uid", f"{MARK}@example.com")
    fresh = to.memory_core.user_by_uid("a-new-uid")
    assert fresh is not None
    assert fresh["email"] == f"{MARK}@example.com"
    assert fresh["id"] in to.memory_supabase.auth_users
    assert to.firebase.account_rows["a-new-uid"].claims == {"role": "authenticated"}


def test_a_deletion_event_announces_the_uid_alone(
    to: MemoryClients, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clients, "_current", to)
    kind = "google.firebase.auth.user.v2.deleted"
    record = {"oldValue": {"uid": UID, "email": f"{MARK}@example.com"}}
    announce_erasure(CloudEvent({"type": kind, "source": "//firebaseauth"}, record))
    ((_, data, _),) = [message for message in to.bus.messages if message[0] == "user-deleted"]
    assert MARK.encode() not in data
    assert UID.encode() in data


@pytest.fixture(name="post")
def _post(http: Callable[[str], FlaskClient]) -> Callable[[Any], tuple[int, dict[str, Any]]]:
    def post(body: Any) -> tuple[int, dict[str, Any]]:
        answer = http("order_erasure").post("/", json=body)
        return answer.status_code, answer.get_json()

    return post


Post = Callable[[Any], tuple[int, dict[str, Any]]]


def test_an_operators_order_takes_the_firebase_account_too(to: MemoryClients, post: Post) -> None:
    order = {"uid": UID, "operator": "asha.op"}
    answer = {"erasure": alias("user", UID), "state": "ordered"}
    assert post(order) == (200, answer)
    assert post(order) == (200, answer)
    run(to)
    assert to.firebase.account_rows == {}
    assert list(everywhere(to)) == []
    assert receipts(to)["firebase_auth"] == "erased"


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        ({"operator": "asha.op"}, 422, "uid"),
        ({"uid": "two words", "operator": "asha.op"}, 422, "uid"),
        ({"uid": "u", "operator": "?"}, 422, "operator"),
        ([], 422, "not_object"),
    ],
)
def test_an_order_that_breaks_a_rule_is_refused_by_name(
    post: Post, body: Any, status: int, error: str
) -> None:
    answered, reason = post(body)
    assert (answered, reason["error"]) == (status, error)


def test_an_order_for_a_doctor_is_answered_409(to: MemoryClients, post: Post) -> None:
    to.memory_core.put_user("id-d", firebase_uid="doctor-uid", role="DOCTOR")
    assert post({"uid": "doctor-uid", "operator": "asha.op"})[0] == 409
