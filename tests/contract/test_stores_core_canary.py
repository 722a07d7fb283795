"""The canary's account: what was touched and how it stands, in memory and in PostgreSQL."""

from __future__ import annotations

from typing import Any

import pytest

from shared.events import Ref
from shared.outcomes import Outcome
from shared.repair.canary_ways import watches
from shared.runner import Batch
from tests.contract.postgres_core_world import CoreWorld

UID, OTHER = "canary-1", "canary-2"
FIRST, SECOND, FOREIGN = (f"00-{pair * 16}-{'cd' * 8}-01" for pair in ("a1", "b2", "c3"))


def passes(at_core: CoreWorld, step: str, trace: str, *, kind: str = "user", key: str = UID,
           state: str = "done") -> None:  # fmt: skip
    ref = Ref(kind, key)
    at_core.ledger.record(Batch(step, (ref,), trace), [Outcome(ref, state)])


def passages(at_core: CoreWorld) -> dict[str, dict[str, str]]:
    return {way: seen for way, (_, seen) in at_core.canary.passages(watches().values()).items()}


def test_nothing_is_known_of_a_canary_that_was_never_touched(at_core: CoreWorld) -> None:
    assert at_core.canary.passages(watches().values()) == {}


def test_a_way_tells_how_long_ago_it_was_touched_and_what_has_passed_since(
    at_core: CoreWorld,
) -> None:
    passes(at_core, "store_user", FIRST)
    at_core.canary.note([("user", UID)])
    at_core.touched_before(600)
    [(age_s, seen)] = at_core.canary.passages(watches().values()).values()
    assert (600 <= age_s < 700, seen) == (True, {})
    passes(at_core, "store_user", SECOND, state="retrying")
    assert passages(at_core) == {"user": {"store_user": "retrying"}}
    passes(at_core, "store_user", SECOND)
    passes(at_core, "mirror_user", SECOND)
    assert passages(at_core) == {"user": {"store_user": "done", "mirror_user": "done"}}


def test_a_step_speaks_for_a_way_on_a_trace_that_its_first_step_saw(at_core: CoreWorld) -> None:
    at_core.canary.note([("user", UID), ("profile", UID), ("doctor", OTHER)])
    passes(at_core, "store_user", FIRST)
    passes(at_core, "mirror_user", FIRST)
    passes(at_core, "store_profile", SECOND)
    passes(at_core, "mirror_user", FOREIGN, state="parked")  # a chain that nobody watches
    assert passages(at_core) == {
        "user": {"store_user": "done", "mirror_user": "done"},
        "profile": {"store_profile": "done"},
        "doctor": {},
    }


def test_what_others_do_is_no_passage(at_core: CoreWorld) -> None:
    at_core.canary.note([("user", UID)])
    passes(at_core, "store_user", FIRST, key="u1")
    passes(at_core, "store_user", FIRST, kind="document")
    assert passages(at_core) == {"user": {}}


def test_a_way_may_be_given_another_entity(at_core: CoreWorld) -> None:
    at_core.canary.note([("document", "first")])
    at_core.canary.note([("document", "second")])
    passes(at_core, "store_document", FIRST, kind="document", key="first")
    assert passages(at_core) == {"document": {}}
    passes(at_core, "store_document", FIRST, kind="document", key="second")
    assert passages(at_core) == {"document": {"store_document": "done"}}


def test_the_step_that_stands_still_is_kept_until_it_moves(at_core: CoreWorld) -> None:
    at_core.canary.note([("user", UID), ("profile", UID)])
    at_core.canary.judge({"user": "mirror_user", "profile": None})
    assert at_core.stalled() == {"user": "mirror_user", "profile": None}
    at_core.canary.note([("user", UID)])
    assert at_core.stalled()["user"] == "mirror_user"
    at_core.canary.judge({"user": None})
    assert at_core.stalled() == {"user": None, "profile": None}


def test_a_canary_without_a_patient_has_nothing_to_touch(at_core: CoreWorld) -> None:
    assert at_core.canary.touch(UID, FIRST) == []
    at_core.put_user("id1", firebase_uid=UID)
    assert at_core.canary.touch(UID, FIRST) == []
    assert passages(at_core) == {}


@pytest.mark.parametrize("times", [1, 2])
def test_a_touch_changes_visit_and_prescription_as_the_backend_does(
    at_core: CoreWorld, times: int
) -> None:
    at_core.put_user("id1", firebase_uid=UID)
    at_core.put_patient("id1", "p1")
    touched = [("appointment", f"{UID}-visit"), ("prescription", f"{UID}-prescription")]
    before: list[Any] = []
    for run in (FIRST, SECOND)[:times]:
        before = [at_core.version(*entity) for entity in touched]
        assert sorted(at_core.canary.touch(UID, run)) == touched
    assert all(
        at_core.version(*entity) > then for entity, then in zip(touched, before, strict=True)
    )
    assert set(touched) <= at_core.unsent()
    assert passages(at_core) == {"appointment": {}, "prescription": {}}
