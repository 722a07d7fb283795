"""An entry beside the line that it was read from: what disagrees is for a person."""

from __future__ import annotations

import pytest

from tests.steps.medication_entry import read_one


@pytest.mark.parametrize(
    ("raw", "changes"),
    [
        ("Cap Amoxicillin 250 mg TDS x 5 days", {}),
        ("Cap Amoxicillin TDS", {"name": "Amoxicillin 250mg"}),
        ("Thyroxine 50 mcg 1-0-0", {"strength": "50 mg", "frequency": "1-0-0"}),
        ("Syp Amoxicillin 125mg/5ml TDS", {"strength": "250 mg/5ml"}),
        ("Cap Amoxicillin 500 mg BD x 5 days", {}),
        ("Cap Amoxicillin 500 mg 1-0-1 x 5 days", {"frequency": "1-1-1"}),
        ("Cap Amoxicillin 500 mg 1-0-1 x 5 days", {"frequency": "TDS"}),
        ("Tab 500 mg 2-0-2", {"frequency": "1-0-1"}),
        ("Cap Amoxicillin 500 mg TDS x 7 days", {}),
        ("Cap Amoxicillin 500 mg TDS 5/7", {"duration_days": 7}),
        ("500 mg TDS x 5 days then OD x 5 days", {}),
    ],
)
def test_fields_that_the_raw_line_contradicts_are_for_a_person(
    raw: str, changes: dict[str, object]
) -> None:
    assert read_one(raw=raw, **changes).review_reasons == ("raw_disagrees",)


@pytest.mark.parametrize(
    ("raw", "changes"),
    [
        ("Cap Amoxicillin 0.5 g TDS x 5 days", {}),
        ("Cap Amoxicillin 500 TDS", {}),
        ("Cap Amoxicillin 500 mg t.d.s. 5/7 (12-5-24)", {}),
        ("Tab 500 mg 1-0-1 BD", {"frequency": "BD"}),
        ("Tab 500 mg q8h", {}),
        ("Tab 500 mg TDS", {"frequency": "q8h"}),
        ("Tab Augmentin 625 (500 mg + 125 mg) TDS", {}),
        ("Tab 500 mg 1-1-1 after food for 1 week", {"duration_days": 7}),
        ("whatever else", {}),
    ],
)
def test_a_line_that_agrees_or_is_not_plain_raises_no_doubt(
    raw: str, changes: dict[str, object]
) -> None:
    assert not read_one(raw=raw, **changes).needs_review


@pytest.mark.parametrize("raw", ["", "  ", "\n", " \x08", "\x00 \x1f"])
def test_a_line_that_shows_nothing_is_no_line(raw: str) -> None:
    assert read_one(raw=raw).raw is None
