"""What comes late of an erased patient, or was under way, brings nothing back: the last looks."""

from __future__ import annotations

from functools import partial
from importlib import import_module
from itertools import takewhile
from typing import Any
from uuid import UUID

import pytest

from shared import catalog
from shared.errors import PermanentError
from shared.events import Ref, encode
from shared.runtime import CORE_FIRST
from tests.memory import faults
from tests.memory.clients import MemoryClients
from tests.memory.place import alias, no_hook
from tests.steps.conftest import Send
from tests.steps.erased_patient import (
    DOCUMENT,
    MARK,
    UID,
    bring_patient,
    days_pass,
    delete_account,
    event,
    everywhere,
    look_again,
    receipts,
    run,
    state,
)


@pytest.fixture(name="patient", autouse=True)
def _patient(to: MemoryClients) -> None:
    bring_patient(to)


STEPS = [
    step
    for step in catalog.load().steps()
    if catalog.load().topics[step.topic or ""]["kind"] not in {"erasure", "any"}
]
KEYS = {"user": UID, "document": DOCUMENT, "prescription": "rx1", "appointment": "a1"}
FOREIGN_READS = {"supabase_documents.read", "firestore.read"}
READS = {"core_tombstones.buried", "core_tombstones.reopen", "ledger.record", "ledger.pause"}


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
