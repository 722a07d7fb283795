"""
The bus, in memory and as the Pub/Sub emulator: what the simulation relies on between publishing and
a step. Each test runs on both; how long a redelivery waits is the deployment's and not compared.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import ExitStack

import pytest

from shared import catalog
from shared.errors import TransientError
from shared.events import Event, Ref, encode, new_traceparent
from tests.contract.bus_worlds import ATTEMPTS, CrashError, EmulatorWorld, MemoryBusWorld, keys
from tests.memory import faults

World = MemoryBusWorld | EmulatorWorld
DOC = "0d5b4b52-9a4e-4c2b-8a11-00000000000{}"
AWAY = TransientError("firebase_quota")


@pytest.fixture(name="world", params=["memory", "emulator"])
def _world(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Generator[World]:
    if request.param == "memory":
        yield MemoryBusWorld()
        return
    host = request.getfixturevalue("pubsub_host")
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", host)
    with ExitStack() as exits:
        yield EmulatorWorld(host, exits)


def event(topic: str, *refs: tuple[str, str]) -> Event:
    return Event(topic, tuple(Ref(*ref) for ref in refs), new_traceparent())


def state(world: World, step: str, key: str) -> str | None:
    rows = world.to.memory_core.ledger_rows
    return next((row.state for at, row in rows.items() if at[1:] == (key, step)), None)


def test_every_subscriber_of_a_topic_gets_the_message_as_it_was_published(world: World) -> None:
    published = event("document-stored", ("document", DOC.format(1)))
    world.publish(published)
    subscribers = {function.name for function in catalog.load().consumers("document-stored")}
    assert len(subscribers) > 1
    world.until(lambda: {push.function for push in world.pushes} == subscribers)
    world.rest()
    assert len(world.pushes) == len(subscribers)
    data, attributes = encode(published)
    assert {(push.data, tuple(push.attributes.items())) for push in world.pushes} == {
        (data, tuple(attributes.items()))
    }
    assert len({push.message_id for push in world.pushes}) == 1
    for push in world.pushes:
        name = push.function.replace("_", "-")
        assert push.subscription == f"projects/demo-test/subscriptions/{name}"


def test_each_message_has_an_id_of_its_own_and_none_is_lost(world: World) -> None:
    world.publish(*(event("user-changed", ("user", f"u{n}")) for n in range(30)))
    world.until(lambda: len(world.pushes) == 30)
    world.rest()
    assert sorted(keys(p.data)[0] for p in world.pushes) == sorted(f"u{n}" for n in range(30))
    assert len({push.message_id for push in world.pushes}) == 30


def test_what_is_refused_comes_again_the_same_until_it_is_acknowledged_and_then_no_more(
    world: World,
) -> None:
    world.to.firebase.sign_up("u1", email="asha@example.com")
    faults.fail(world.to.firebase, "accounts.read", AWAY, times=2)
    world.publish(event("user-changed", ("user", "u1")))
    world.until(lambda: state(world, "admit_user", "u1") == "done")
    world.rest()
    pushes = world.pushed_to("store_user")
    assert len(pushes) == 3
    assert all(push == pushes[0] for push in pushes)
    assert [len(world.pushed_to(step)) for step in ("mirror_user", "admit_user")] == [1, 1]


def test_what_a_subscriber_refuses_holds_up_neither_another_message_nor_another_subscriber(
    world: World,
) -> None:
    to = world.to
    to.memory_core.put_user("id1", firebase_uid="u1")
    to.memory_core.put_patient("id1", "p1")
    for number in (1, 2):
        to.memory_supabase.upload({"id": DOC.format(number), "patient_id": "u1", "type": "report"})
    away = TransientError("supabase_unreachable")
    faults.fail(to.memory_supabase, "supabase_documents.read_for_indexing", away)
    for number in (1, 2):
        world.publish(event("document-stored", ("document", DOC.format(number))))
    done = [(step, DOC.format(n)) for step in ("index_document", "notify_document") for n in (1, 2)]
    world.until(lambda: all(state(world, *one) in {"done", "gone"} for one in done))
    world.rest()
    steps = ("index_document", "notify_document")
    assert [len(world.pushed_to(step)) for step in steps] == [3, 2]


def test_a_crash_in_the_midst_of_a_step_leaves_its_message_to_come_again(world: World) -> None:
    world.to.firebase.sign_up("u1", email="asha@example.com")
    faults.fail(world.to.memory_core, "core_users.store", CrashError(), moment="after")
    world.publish(event("user-changed", ("user", "u1")))
    world.until(lambda: state(world, "admit_user", "u1") == "done")
    assert len(world.pushed_to("store_user")) == 2
    assert len(world.to.memory_core.user_rows) == 1


def test_after_the_last_attempt_it_is_a_dead_letter_with_its_source_and_is_parked_and_kept(
    world: World,
) -> None:
    published = event("user-changed", ("user", "u1"))
    faults.fail(world.to.firebase, "accounts.read", AWAY, times=99)
    world.publish(published)
    world.until(lambda: state(world, "park_dead_letter", "u1") == "done")
    world.rest()
    assert len(world.pushed_to("store_user")) == ATTEMPTS
    (letter,) = world.pushed_to("park_dead_letter")
    data, attributes = encode(published)
    assert letter.data == data
    source = "CloudPubSubDeadLetterSource"
    assert (
        letter.attributes.items()
        >= (
            attributes
            | {
                f"{source}DeliveryCount": str(ATTEMPTS),
                f"{source}Subscription": "store-user",
                f"{source}SubscriptionProject": "demo-test",
            }
        ).items()
    )
    assert state(world, "store_user", "u1") == "parked"
    assert world.kept() == [data]


def test_a_dead_letter_that_is_refused_comes_again_however_often_and_is_no_second_one(
    world: World,
) -> None:
    away = TransientError("core_unreachable")
    faults.fail(world.to.memory_core, "ledger.record", away, times=ATTEMPTS + 1)
    world.publish(event("dead-letter", ("user", "u1")))
    world.until(lambda: state(world, "park_dead_letter", "u1") is not None)
    world.rest()
    assert len(world.pushed_to("park_dead_letter")) == ATTEMPTS + 2
    assert len(world.kept()) == 1


def test_what_must_wait_of_a_batch_goes_back_as_its_own_message_with_attempts_of_its_own(
    world: World,
) -> None:
    to = world.to
    to.memory_core.put_user("id1", firebase_uid="u1")
    to.memory_core.put_patient("id1", "p1")
    there, early = DOC.format(1), DOC.format(2)
    for key, uid in ((there, "u1"), (early, "u2")):
        to.memory_supabase.upload({"id": key, "patient_id": uid, "type": "report"})
    world.publish(event("document-changed", ("document", there), ("document", early)))
    world.until(lambda: state(world, "store_document", early) == "parked")
    first, *others = world.pushed_to("store_document")
    assert keys(first.data) == [there, early]
    assert [keys(push.data) for push in others] == [[early]] * ATTEMPTS
    assert len({push.message_id for push in others}) == 1
    assert others[0].message_id != first.message_id
    assert state(world, "store_document", there) == "done"


def test_a_provider_that_named_a_time_is_not_asked_before_it(world: World) -> None:
    world.to.firebase.sign_up("u1", email="asha@example.com")
    asked: list[int] = []

    def refuse_once(moment: str, effect: str) -> None:
        if (moment, effect) == ("before", "accounts.read"):
            asked.append(len(world.pushed_to("store_user")))
            if len(asked) == 1:
                raise TransientError("firebase_quota", retry_after=2)

    world.to.firebase.hook = refuse_once
    world.publish(event("user-changed", ("user", "u1")))
    world.until(lambda: state(world, "store_user", "u1") == "done")
    assert asked[:2] == [1, len(world.pushed_to("store_user"))]
