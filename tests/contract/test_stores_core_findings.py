"""Runs of reconciliation, what they found, and orders of removal, in memory and in PostgreSQL."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shared.events import Ref
from shared.outcomes import Outcome
from shared.repair.projections import PROJECTIONS
from shared.stores.core_findings import Finding, Report
from tests.contract.memory_core_world import batch
from tests.contract.postgres_core_world import CoreWorld

USERS = PROJECTIONS["users"]
REST_S = 3600
REPAIRED = Finding("user", "u1", "stale", repaired=True, seen="a:b")


def run(at_core: CoreWorld, *found: Finding, dry_run: bool = False, complete: bool = True) -> int:
    """Compare the users; return the number of the run."""
    number = at_core.findings.begin("users", dry_run=dry_run)
    at_core.findings.finish(number, "users", Report(complete=complete), found)
    return number


def rested(at_core: CoreWorld, name: str = "users") -> bool:
    return at_core.findings.rested(name, REST_S)


def works(at_core: CoreWorld, key: str = "u1", version: int = 7, state: str = "done") -> None:
    ref = Ref("user", key, version)
    at_core.ledger.record(batch("store_user", ref), [Outcome(ref, state)])


def tried(at_core: CoreWorld, key: str = "u1") -> str | None:
    return at_core.findings.standing(USERS, [key], 60)[key].tried


def test_each_run_has_a_higher_number_than_the_one_before(at_core: CoreWorld) -> None:
    numbers = [run(at_core), run(at_core, dry_run=True), run(at_core)]
    assert numbers == sorted(set(numbers))


def test_a_comparison_rests_from_the_end_of_a_whole_run(at_core: CoreWorld) -> None:
    assert rested(at_core)
    number = at_core.findings.begin("users", dry_run=False)
    assert rested(at_core)
    at_core.findings.finish(number, "users", Report(), [])
    assert not rested(at_core)
    assert rested(at_core, "documents")
    at_core.wait(REST_S - 60)
    assert not rested(at_core)
    at_core.wait(120)
    assert rested(at_core)


def test_neither_a_dry_run_nor_one_that_left_something_out_lets_a_comparison_rest(
    at_core: CoreWorld,
) -> None:
    run(at_core, dry_run=True)
    run(at_core, complete=False)
    assert rested(at_core)
    run(at_core)
    run(at_core, complete=False)
    assert not rested(at_core)


def test_a_repair_was_tried_when_the_steps_have_worked_since(at_core: CoreWorld) -> None:
    works(at_core)
    run(at_core, REPAIRED)
    assert tried(at_core) is None
    works(at_core)
    assert tried(at_core) == "a:b"
    assert tried(at_core, "u2") is None


@pytest.mark.parametrize(
    ("code", "vain"), [("persists", "a:b"), ("parked", None), ("source_deleted", None)]
)
def test_of_what_was_not_repaired_only_what_persists_was_tried(
    at_core: CoreWorld, code: str, vain: str | None
) -> None:
    run(at_core, replace(REPAIRED, code=code, repaired=False))
    works(at_core)
    assert tried(at_core) == vain


def test_a_dry_run_and_one_that_did_not_end_leave_what_was_tried_as_it_is(
    at_core: CoreWorld,
) -> None:
    run(at_core, REPAIRED)
    works(at_core)
    run(at_core, dry_run=True)
    at_core.findings.begin("users", dry_run=False)
    assert tried(at_core) == "a:b"


def test_what_the_last_run_did_not_find_is_tried_anew(at_core: CoreWorld) -> None:
    run(at_core, REPAIRED)
    works(at_core)
    run(at_core, replace(REPAIRED, key="u2"), complete=False)
    assert tried(at_core) is None


def test_a_finding_of_another_kind_or_comparison_is_not_the_entitys(at_core: CoreWorld) -> None:
    persists = replace(REPAIRED, code="persists")
    run(at_core, replace(persists, kind="document"))
    assert tried(at_core) is None
    number = at_core.findings.begin("auth_users", dry_run=False)
    at_core.findings.finish(number, "auth_users", Report(), [persists])
    assert tried(at_core) is None


def test_findings_of_erased_patients_are_neither_kept_nor_written_down(at_core: CoreWorld) -> None:
    at_core.put_users(2)
    both = [replace(REPAIRED, key=key, code="persists") for key in ("u0", "u1")]
    run(at_core, *both)
    at_core.erasures.order("u0", "asha")
    assert (tried(at_core, "u0"), tried(at_core, "u1")) == (None, "a:b")
    run(at_core, *both)
    assert (tried(at_core, "u0"), tried(at_core, "u1")) == (None, "a:b")


def test_the_stored_version_is_the_last_that_a_step_has_written(at_core: CoreWorld) -> None:
    works(at_core, version=7)
    works(at_core, version=9, state="retrying")
    works(at_core, "u2", version=5, state="parked")
    works(at_core, "u3", version=4, state="gone")
    stored = at_core.findings.stored_versions
    assert stored("store_user", "user", ["u1", "u2", "u3", "u4"]) == {"u1": 7, "u2": 0, "u3": 4}
    assert stored("mirror_user", "user", ["u1"]) == {}
    assert stored("store_user", "document", ["u1"]) == {}
    assert stored("store_user", "user", []) == {}


def test_every_order_of_removal_is_on_record_with_its_operator(at_core: CoreWorld) -> None:
    at_core.findings.note_removal("documents", ["d1", "d2"], "asha")
    at_core.findings.note_removal("profiles", ["u1"], "ravi")
    at_core.findings.note_removal("documents", ["d1"], "ravi")
    at_core.findings.note_removal("documents", [], "asha")
    assert sorted(at_core.removals()) == [
        ("documents", "d1", "asha"),
        ("documents", "d1", "ravi"),
        ("documents", "d2", "asha"),
        ("profiles", "u1", "ravi"),
    ]


def test_an_order_of_removal_outlives_its_patient_without_the_name(at_core: CoreWorld) -> None:
    at_core.put_users(2)
    at_core.findings.note_removal("profiles", ["u0", "u1"], "asha")
    key, _ = at_core.erasures.order("u0", "asha")
    at_core.erasures.erase(key)
    assert sorted(at_core.removals()) == sorted(
        [("profiles", key, "asha"), ("profiles", "u1", "asha")]
    )
