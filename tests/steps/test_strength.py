"""The rule table of strengths, as prescriptions write them."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.medications.strength import read_strength, strength_text

quick = settings(deadline=None, max_examples=100)

STRENGTHS = {
    "500 mg": ("500", "mg"),
    "500mg": ("500", "mg"),
    "500 MG.": ("500", "mg"),
    "0.5mg": ("0.5", "mg"),
    "1 gm": ("1", "g"),
    "50 mcg": ("50", "mcg"),
    "100 micrograms": ("100", "mcg"),
    "5 ml": ("5", "ml"),
    "250mg/5ml": ("250", "mg/5ml"),
    "250 mg per 5 ml": ("250", "mg/5ml"),
    "40 mg/ml": ("40", "mg/ml"),
    "40 mg/1 ml": ("40", "mg/ml"),
    "100 mcg/puff": ("100", "mcg/puff"),
    "25 mcg/hr": ("25", "mcg/h"),
    "0.05%": ("0.05", "%"),
    "1% w/w": ("1", "%"),
    "60,000 units": ("60000", "unit"),
    "2,50,000 units": ("250000", "unit"),
    "400 international units": ("400", "international unit"),
    "१० mg": ("10", "mg"),
    "５００ ｍｇ": ("500", "mg"),
}
NO_STRENGTH = {
    "strength_trailing_zero": "1.0 mg|2.50 mg|5 mg/5.0 ml|1.0 mg + 5 mg",
    "strength_naked_decimal": ".5 mg|.25mg",
    "strength_unit_ambiguous": "10 U|10U|100 IU|60,000 IU|40 IU/ml|50 µg|50 μg|50 ug|5 cc|1 gr",
    "strength_without_unit": "500|0.5|60,000",
    "strength_unreadable": "mg|5-10 mg|500 mg SR|1,50 mg|0 mg|05 mg|10⁵ mg|½ mg|500 stones|mg 500"
    "|50/500 mg|5 mg/kg|-5 mg|1e3 mg|5 mg 5 mg|1.2.3 mg|٫5 mg",
}


@pytest.mark.parametrize(("text", "strength"), STRENGTHS.items())
def test_a_strength_is_a_decimal_with_a_unit(text: str, strength: tuple[str, str]) -> None:
    assert read_strength(text) == (Decimal(strength[0]), strength[1], None)


@pytest.mark.parametrize(
    ("text", "reason"),
    [(text, reason) for reason, texts in NO_STRENGTH.items() for text in texts.split("|")],
)
def test_a_strength_known_to_be_misread_has_no_value(text: str, reason: str) -> None:
    assert read_strength(text) == (None, None, reason)


@pytest.mark.parametrize("text", ["500 mg + 125 mg", "500mg/125mg", "5 mg & 10 mg"])
def test_a_combination_is_readable_but_has_no_single_value(text: str) -> None:
    assert read_strength(text) == (None, None, None)


@quick
@given(st.text(st.characters(exclude_categories=()), max_size=60))
def test_a_value_is_positive_and_free_of_doubt(text: str) -> None:
    strength = read_strength(text)

    assert strength.value is None or (strength.value > 0 and strength.reason is None)


@quick
@given(
    st.decimals(min_value="0.001", max_value="99999", places=3),
    st.sampled_from(["mg", "g", "mcg", "ml", "%"]),
    st.sampled_from(["", " "]),
)
def test_any_plain_strength_keeps_its_value(value: Decimal, unit: str, space: str) -> None:
    written = f"{value.normalize():f}"

    assert read_strength(f"{written}{space}{unit}") == (value, unit, None)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"value": 500, "unit": "mg"}, "500 mg"),
        ({"value": 1.0, "unit": "mg"}, "1 mg"),
        ({"value": "0.5", "unit": "mg"}, "0.5 mg"),
        (500, "500"),
        (2.5, "2.5"),
        ({"value": {"value": 5}, "unit": "mg"}, None),
        ({"value": 5}, None),
        ({"unit": "mg"}, None),
        ([500, "mg"], None),
        (True, None),
        (1e300, None),
        (Decimal("1e999999999"), None),
        (float("nan"), None),
    ],
)
def test_a_strength_in_parts_is_put_together_as_text(value: object, text: str | None) -> None:
    assert strength_text(value) == text
