"""The same medicine twice in one document: merged when it says the same, flagged when not."""

from __future__ import annotations

import pytest

from tests.steps.medication_entry import COMPLETE, read


@pytest.mark.parametrize(
    ("same", "spelled"),
    [
        ("name", "AMOXICILLIN"),
        ("name", "Ａmoxicillin "),
        ("strength", "500mg"),
        ("form", "Capsule"),
        ("route", "ORAL"),
        ("frequency", "t.i.d."),
        ("duration_days", "5/7"),
    ],
)
def test_the_same_medicine_read_twice_becomes_one_and_is_counted(same: str, spelled: str) -> None:
    (merged,) = read(COMPLETE, {**COMPLETE, same: spelled})

    assert (merged.name, merged.strength) == ("Amoxicillin", "500 mg")
    assert merged.occurrences == 2
    assert not merged.needs_review


@pytest.mark.parametrize(("field", "other"), [("frequency", "BD"), ("duration_days", 7)])
def test_contradictory_duplicates_both_stay_and_are_flagged(field: str, other: object) -> None:
    line = {**COMPLETE, "raw": None}
    first, second, third = read(line, {**line, field: other}, {**line, "name": "Zinc"})

    assert first.review_reasons == second.review_reasons == ("conflicting_duplicate",)
    assert first.identity == second.identity
    assert not third.needs_review


@pytest.mark.parametrize(
    ("field", "other"), [("strength", "250 mg"), ("form", "syrup"), ("route", "topical")]
)
def test_another_strength_form_or_route_is_another_medicine(field: str, other: str) -> None:
    first, second = read(COMPLETE, {**COMPLETE, field: other})

    assert first.identity != second.identity
    assert not first.needs_review
    assert "conflicting_duplicate" not in second.review_reasons


def test_entries_without_a_name_are_never_merged() -> None:
    nameless = {key: value for key, value in COMPLETE.items() if key != "name"}

    assert [m.position for m in read(nameless, nameless)] == [0, 1]


def test_unreadable_durations_are_not_taken_for_equal() -> None:
    first, second = read(
        {**COMPLETE, "duration_days": "5-7 days"}, {**COMPLETE, "duration_days": "long"}
    )

    assert "conflicting_duplicate" in first.review_reasons
    assert "conflicting_duplicate" in second.review_reasons
