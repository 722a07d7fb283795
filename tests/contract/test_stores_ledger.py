"""The ledger: what became of each entity in each step, in memory and in PostgreSQL."""

from __future__ import annotations

from dataclasses import replace

from shared.events import Ref
from shared.outcomes import Conflict
from tests.contract.memory_core_world import TRACE, batch, outcome
from tests.contract.postgres_core_world import CoreWorld

STEP = "mirror_user"


def record(at_core: CoreWorld, state: str, version: int, code: str | None = None) -> None:
    at_core.ledger.record(batch(STEP, Ref("user", "u1")), [outcome(state, "u1", version, code)])


def test_failed_attempts_are_counted_until_one_succeeds(at_core: CoreWorld) -> None:
    record(at_core, "retrying", 5, "core_unreachable")
    record(at_core, "retrying", 5, "core_57014")
    assert at_core.standing("user", "u1", STEP) == ("retrying", 0, 5, 2, "core_57014")
    record(at_core, "done", 5)
    assert at_core.standing("user", "u1", STEP) == ("done", 5, 5, 0, None)


def test_an_outcome_of_an_older_version_changes_nothing_but_the_journal(at_core: CoreWorld) -> None:
    record(at_core, "done", 9)
    record(at_core, "parked", 5, "attempts_exhausted")
    assert at_core.standing("user", "u1", STEP) == ("done", 9, 9, 0, None)
    assert [(version, state) for _, version, state, _ in at_core.journal(STEP)] == [
        (9, "done"),
        (5, "parked"),
    ]


def test_a_failure_at_the_written_version_shows_since_the_step_did_not_finish(
    at_core: CoreWorld,
) -> None:
    record(at_core, "done", 5)
    record(at_core, "parked", 5, "publish_failed")
    assert at_core.standing("user", "u1", STEP) == ("parked", 5, 5, 1, "publish_failed")


def test_a_failure_without_a_version_shows_whatever_was_written(at_core: CoreWorld) -> None:
    record(at_core, "done", 9)
    record(at_core, "retrying", 0, "firebase_quota")
    assert at_core.standing("user", "u1", STEP) == ("retrying", 9, 9, 1, "firebase_quota")
    record(at_core, "done", 10)
    assert at_core.standing("user", "u1", STEP) == ("done", 10, 10, 0, None)


def test_each_step_keeps_its_own_account_of_an_entity(at_core: CoreWorld) -> None:
    record(at_core, "done", 3)
    at_core.ledger.record(batch("store_user", Ref("user", "u1")), [outcome("parked", "u1", 2)])
    assert at_core.standing("user", "u1", STEP) == ("done", 3, 3, 0, None)
    assert at_core.standing("user", "u1", "store_user") == ("parked", 0, 2, 1, None)


def test_the_journal_carries_the_trace(at_core: CoreWorld) -> None:
    record(at_core, "gone", 3)
    assert at_core.journal(STEP) == [("u1", 3, "gone", TRACE[3:35])]


def test_an_outcome_without_trace_is_recorded(at_core: CoreWorld) -> None:
    at_core.ledger.record(replace(batch(STEP), traceparent=""), [outcome("parked", "m1", 0)])
    assert at_core.journal(STEP) == [("m1", 0, "parked", None)]


def test_no_outcome_is_no_record(at_core: CoreWorld) -> None:
    at_core.ledger.record(batch(STEP), [])
    assert at_core.journal(STEP) == []


def test_a_conflict_opens_once_names_the_latest_holder_and_clears_when_done(
    at_core: CoreWorld,
) -> None:
    held = replace(outcome("conflict", "u1", 3), conflicts=(Conflict("email", "b"),))
    at_core.ledger.record(batch(STEP), [held])
    at_core.ledger.record(batch(STEP), [replace(held, conflicts=(Conflict("email", "c"),))])
    assert at_core.conflicts("u1") == {"email": "c"}
    record(at_core, "retrying", 4, "core_unreachable")
    assert at_core.conflicts("u1") == {"email": "c"}
    record(at_core, "done", 4)
    assert at_core.conflicts("u1") == {}


def test_a_stale_outcome_neither_opens_nor_clears_a_conflict(at_core: CoreWorld) -> None:
    held = replace(outcome("conflict", "u1", 9), conflicts=(Conflict("email", "b"),))
    at_core.ledger.record(batch(STEP), [held])
    record(at_core, "done", 5)
    assert at_core.conflicts("u1") == {"email": "b"}
    record(at_core, "done", 10)
    at_core.ledger.record(batch(STEP), [held])
    assert at_core.conflicts("u1") == {}


def test_a_recheck_names_only_what_has_moved_since_it_was_read(at_core: CoreWorld) -> None:
    at_core.put_users(3)
    seen = {f"u{n}": at_core.version("user", f"u{n}") for n in range(3)}
    at_core.put_user("id1", role="DOCTOR")
    at_core.delete_user("id2")
    outcomes = [outcome("done", key, version) for key, version in seen.items()]
    outcomes.append(outcome("gone", "never-heard-of", 0))
    moved = at_core.ledger.record_and_recheck(batch(STEP), outcomes)
    assert moved == {key: at_core.version("user", key) for key in ("u1", "u2")}


def test_a_recheck_that_finds_nothing_moved_still_records(at_core: CoreWorld) -> None:
    assert at_core.ledger.record_and_recheck(batch(STEP), [outcome("done", "u1", 7)]) == {}
    assert at_core.standing("user", "u1", STEP) == ("done", 7, 7, 0, None)


def test_the_last_codes_are_those_of_entities_refused_or_parked(at_core: CoreWorld) -> None:
    at_core.ledger.record(
        batch(STEP),
        [
            outcome("retrying", "u1", 1, "core_unreachable"),
            outcome("parked", "u2", 1, "core_22001"),
            outcome("done", "u3", 1),
            outcome("retrying", "u4", 1),
        ],
    )
    keys = ["u1", "u2", "u3", "u4", "u5"]
    codes = {"u1": "core_unreachable", "u2": "core_22001"}
    assert at_core.ledger.last_codes(STEP, "user", keys) == codes
    assert at_core.ledger.last_codes("store_user", "user", keys) == {}
    assert at_core.ledger.last_codes(STEP, "document", keys) == {}


def test_an_announcement_is_in_the_journal_with_its_trace_and_no_outcome(
    at_core: CoreWorld,
) -> None:
    record(at_core, "done", 5)
    given = batch("receive_announcement", Ref("user", "u1", 9), Ref("user", "u2"))
    at_core.announcements.announced(given)
    at_core.announcements.announced(replace(given, refs=given.refs[:1], traceparent=""))
    assert at_core.journal("receive_announcement") == [
        ("u1", 0, "announced", TRACE[3:35]),
        ("u2", 0, "announced", TRACE[3:35]),
        ("u1", 0, "announced", None),
    ]
    assert at_core.standing("user", "u1", "receive_announcement") is None
    assert at_core.standing("user", "u1", STEP) == ("done", 5, 5, 0, None)


def test_what_was_announced_is_awaited_of_the_first_step_of_its_kind(at_core: CoreWorld) -> None:
    refs = Ref("user", "u1"), Ref("user", "u2"), Ref("document", "d1"), Ref("invoice", "i1")
    at_core.announcements.announced(batch("receive_announcement", *refs))
    at_core.ledger.record(batch("store_user", refs[1]), [outcome("gone", "u2", 3)])
    at_core.wait(3601)
    steps = ["store_user", "store_document", STEP]
    assert sorted(at_core.replays.claim_overdue(steps, 3600, 10, "t"), key=str) == [
        ("store_document", Ref("document", "d1")),
        ("store_user", Ref("user", "u1")),
    ]


def test_an_announcement_of_an_erased_patient_is_under_the_alias_and_nobody_waits_for_it(
    at_core: CoreWorld,
) -> None:
    at_core.put_user("id1", firebase_uid="u1")
    erasure, _ = at_core.erasures.order("u1", "asha")
    at_core.announcements.announced(batch("receive_announcement", Ref("user", "u1")))
    assert [key for key, *_ in at_core.journal("receive_announcement")] == [erasure]
    at_core.wait(3601)
    assert at_core.replays.claim_overdue(["store_user"], 3600, 10, "t") == []
