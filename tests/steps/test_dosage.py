"""The rule tables: how often, how long and how strong, as prescriptions write it."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.medications.duration import MAX_DAYS, mentions_duration, read_duration
from shared.medications.frequency import read_frequency
from shared.medications.strength import read_strength, strength_text
from shared.medications.text import compatible, fold
from shared.medications.vocabulary import AMBIGUOUS, PHRASES

quick = settings(deadline=None, max_examples=150)
any_text = st.text(st.characters(exclude_categories=()), max_size=60)

RATES = {
    "BID": "BD|bd|BID|b.i.d.|B.D.|BDS",
    "TID": "TDS|tid|T.D.S.",
    "QID": "QDS|QID",
    "Q4H": "q4h|Q4H",
    "Q6H": "q6h|q 6 hrly|6 hourly|6th hourly|every 6 hours|6-hourly",
    "Q8H": "q8h|8 hrly|har 8 ghante",
    "Q12H": "q12h|every 12 hrs",
    "QD": "once daily|daily|once a day|1 time daily|every day|rozana",
    "WK": "weekly|once a week|once weekly|hafte me ek baar",
    "QOD": "alternate days|every other day|every 2 days|alt days",
    "MO": "monthly|once a month",
    "5/1d": "5 times daily|5x/day",
    "3/1wk": "3 times a week|thrice weekly",
    "1/3d": "every 3 days",
    "STAT": "stat|STAT",
    "PRN": "PRN|SOS|sos|as needed|when required|SOS for fever",
}
WORDED = {
    "twice daily": "BID",
    "two times a day": "BID",
    "din me do baar": "BID",
    "din mein 2 bar": "BID",
    "दिन में दो बार": "BID",
    "thrice daily": "TID",
    "din mein teen bar": "TID",
    "four times a day": "QID",
}
TIMES_OF_DAY = {
    "1-0-1": ("MORN", "NIGHT"),
    "1-1-1": ("MORN", "NOON", "NIGHT"),
    "0-0-1": ("NIGHT",),
    "1-0-0": ("MORN",),
    "0-1-0": ("NOON",),
    "1 - 0 - 1": ("MORN", "NIGHT"),
    "1–0–1": ("MORN", "NIGHT"),
    "1+0+1": ("MORN", "NIGHT"),
    "१-०-१": ("MORN", "NIGHT"),
    "1-1-1-1": ("MORN", "NOON", "EVE", "NIGHT"),
    "1-0-1-1": ("MORN", "EVE", "NIGHT"),
    "BD 1-0-1": ("MORN", "NIGHT"),
    "HS": ("HS",),
    "at bedtime": ("HS",),
    "nocte": ("NIGHT",),
    "OM": ("MORN",),
    "mane": ("MORN",),
    "in the morning": ("MORN",),
    "night and morning": ("MORN", "NIGHT"),
    "subah": ("MORN",),
    "subah sham": ("MORN", "EVE"),
    "सुबह शाम": ("MORN", "EVE"),
    "raat ko": ("NIGHT",),
    "dopahar": ("NOON",),
    "before breakfast": ("MORN",),
    "after breakfast and after dinner": ("MORN", "NIGHT"),
    "0-0-1 HS": ("NIGHT",),
}
AMOUNTS = {
    "½-0-½": ("0.5", "0.5"),
    "1/2-0-1/2": ("0.5", "0.5"),
    "0.5-0-0.5": ("0.5", "0.5"),
    "1½-0-1": ("1.5", "1"),
    "1 1/2-0-1": ("1.5", "1"),
    "¼-0-0": ("0.25",),
    "2-0-1": ("2", "1"),
    "1 tab BD": ("1",),
    "half tab at night": ("0.5",),
    "2 puffs SOS": ("2",),
    "5 ml TDS": ("5",),
    "ek goli raat ko": ("1",),
    "1 tab 1-0-1": ("1", "1"),
    "BD": (),
}
MEALS = {
    "1-0-1 after food": "after food",
    "BD pc": "after food",
    "subah sham khane ke baad": "after food",
    "दिन में दो बार खाने के बाद": "after food",
    "1-0-0 before food": "before food",
    "BD ac": "before food",
    "TDS with meals": "with food",
    "OM empty stomach": "empty stomach",
    "BD": None,
}
UNCLEAR = {
    "frequency_ambiguous": "OD|o.d.|QD|q.d.|QOD|EOD|1-1|1-2 tabs|ON|qn|qhs|BT|TIW|BIW|q1d|U"
    "|1 tab OD",
    "frequency_contradictory": "BD TDS|1-0-1 TDS|1-0-1 subah|8 hourly BD|2 tab 1-0-1|stat BD"
    "|BD x 5 days x 7 days|hourly at night|BD before food after food|1-0-1 1-1-1",
    "frequency_unreadable": "0-0-0|12-5-24|12-05-2024|30-0-20|1-O-1|1-0-1-0-1|twice|once|BD then OD"
    "|5 days a week|every 100 hours|25 times daily|as directed|khane ke baad|2|1-0-1 1/3|q6pm"
    "|0 tab BD|11/2-0-1|weekly on Monday|BD5|do not take|max 3 daily|every 0 hours|ॐ",
}


def table(rows: dict[str, str]) -> list[tuple[str, str]]:
    return [(text, result) for result, texts in rows.items() for text in texts.split("|")]


@pytest.mark.parametrize(("text", "code"), [*table(RATES), *WORDED.items()])
def test_a_frequency_is_read_as_its_rate(text: str, code: str) -> None:
    timing = read_frequency(text).timing

    assert timing
    assert timing.code == code


@pytest.mark.parametrize(("text", "when"), TIMES_OF_DAY.items())
def test_times_of_day_are_read_and_counted(text: str, when: tuple[str, ...]) -> None:
    timing = read_frequency(text).timing

    assert timing
    assert timing.when == when
    assert timing.rate == (len(when), 1, "d")


@pytest.mark.parametrize(("text", "amounts"), AMOUNTS.items())
def test_amounts_are_decimals_and_only_what_is_written(text: str, amounts: tuple[str, ...]) -> None:
    timing = read_frequency(text).timing

    assert timing
    assert timing.doses == tuple(map(Decimal, amounts))


@pytest.mark.parametrize(("text", "meal"), MEALS.items())
def test_the_relation_to_meals_is_read(text: str, meal: str | None) -> None:
    timing = read_frequency(text).timing

    assert timing
    assert timing.meal == meal


@pytest.mark.parametrize(("text", "reason"), table(UNCLEAR))
def test_a_frequency_without_one_safe_reading_has_none(text: str, reason: str) -> None:
    frequency = read_frequency(text)

    assert frequency.timing is None
    assert frequency.reason == reason


def test_as_needed_may_come_with_a_rate() -> None:
    timing = read_frequency("TDS SOS").timing

    assert timing
    assert timing.as_needed
    assert timing.code == "TID"


@pytest.mark.parametrize(
    "text", ["BD x 5 days", "BD for 5 days", "1-0-1 5/7", "OD x5d", "BD 5 din tak", "subah x 5 दिन"]
)
def test_a_duration_inside_a_frequency_is_found(text: str) -> None:
    assert read_frequency(text).days == 5


@quick
@given(
    st.lists(st.sampled_from(["0", "1", "2", "1/2", "1 1/2", "0.25"]), min_size=3, max_size=4),
    st.sampled_from(["-", " - ", "+", "–"]),
)
def test_any_slots_give_exactly_their_amounts(slots: list[str], separator: str) -> None:
    values = {"1/2": "0.5", "1 1/2": "1.5"}
    expected = tuple(Decimal(values.get(slot, slot)) for slot in slots if slot != "0")

    timing = read_frequency(separator.join(slots)).timing

    assert (timing.doses if timing else ()) == expected


@quick
@given(st.sampled_from(sorted(PHRASES)), st.text(st.sampled_from("abcxyzQ0159/-"), min_size=1))
def test_one_unknown_word_makes_a_frequency_unreadable(phrase: str, word: str) -> None:
    text = f"{phrase} zz{word}"

    assert read_frequency(text).reason == "frequency_unreadable"


@quick
@given(st.lists(st.sampled_from(sorted(PHRASES)), max_size=3), st.sampled_from(sorted(AMBIGUOUS)))
def test_an_ambiguous_abbreviation_is_never_resolved(phrases: list[str], word: str) -> None:
    assert read_frequency(" ".join([*phrases, word])).timing is None


@quick
@given(any_text)
def test_no_text_is_too_strange_to_read(text: str) -> None:
    frequency = read_frequency(text)
    strength = read_strength(text)
    duration = read_duration(text)

    assert (frequency.timing is None) == (frequency.reason is not None)
    assert strength.value is None or (strength.value > 0 and strength.reason is None)
    assert (duration.days is None) == (duration.reason is not None)
    assert fold(fold(text)) == fold(text)
    assert compatible(compatible(text)) == compatible(text)


DAYS = {
    "5 days": 5,
    "5/7": 5,
    "2/52": 14,
    "3/12": 90,
    "2 weeks": 14,
    "1 month": 30,
    "a month": 30,
    "two weeks": 14,
    "x 5 d": 5,
    "x5d": 5,
    "for 10 days": 10,
    "5 days only": 5,
    "1 year": 365,
    "10": 10,
    "5 din": 5,
    "५ दिन": 5,
    "5 din ke liye": 5,
    10: 10,
    14.0: 14,
    Decimal(7): 7,
}
NAN, INFINITY = float("nan"), float("inf")
NO_DAYS: dict[str, tuple[object, ...]] = {
    "duration_unreadable": (
        *("5-7 days", "till review", "continue", "9" * 5000, "1e2", "²5 days", "5/8", "-5 days"),
        *(10.5, True, False, [5], {"days": 5}, NAN, INFINITY, 10**40),
    ),
    "duration_out_of_range": (0, -3, 366, "0 days", "400 days", "13/12", "2 years", "999999999"),
}


@pytest.mark.parametrize(("value", "days"), DAYS.items())
def test_a_duration_is_read_in_days(value: object, days: int) -> None:
    assert read_duration(value) == (days, None)


@pytest.mark.parametrize(
    ("value", "reason"), [(v, reason) for reason, values in NO_DAYS.items() for v in values]
)
def test_a_duration_that_makes_no_sense_has_no_value(value: object, reason: str) -> None:
    assert read_duration(value) == (None, reason)


@quick
@given(st.integers(0, 500), st.sampled_from([("days", 1), ("weeks", 7), ("months", 30)]))
def test_no_duration_leaves_its_range(amount: int, unit: tuple[str, int]) -> None:
    days = amount * unit[1]

    assert read_duration(f"{amount} {unit[0]}").days == (days if 1 <= days <= MAX_DAYS else None)


@pytest.mark.parametrize("line", ["Tab X 500 mg BD x 5 days", "for 2 weeks", "TDS 5/7", "x5d"])
def test_a_duration_in_a_free_line_is_noticed(line: str) -> None:
    assert mentions_duration(line)


@pytest.mark.parametrize("line", ["Tab X 650 BD", "every 3 days", "on 12/12/2024", "BP 120/80"])
def test_other_numbers_in_a_free_line_are_no_duration(line: str) -> None:
    assert not mentions_duration(line)


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


@pytest.mark.parametrize(("text", "reason"), table(NO_STRENGTH))
def test_a_strength_known_to_be_misread_has_no_value(text: str, reason: str) -> None:
    assert read_strength(text) == (None, None, reason)


@pytest.mark.parametrize("text", ["500 mg + 125 mg", "500mg/125mg", "5 mg & 10 mg"])
def test_a_combination_is_readable_but_has_no_single_value(text: str) -> None:
    assert read_strength(text) == (None, None, None)


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
        (float("nan"), None),
    ],
)
def test_a_strength_in_parts_is_put_together_as_text(value: object, text: str | None) -> None:
    assert strength_text(value) == text
