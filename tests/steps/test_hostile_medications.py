"""Medications out of anything at all: never an error, never an invention, never slow."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.medications import (
    REVIEW_REASONS,
    Medication,
    MedicationsUnreadableError,
    read_medications,
)
from shared.medications.entry import MAX_NAME, MAX_RAW

quick = settings(deadline=None, max_examples=80)

FIELDS = (
    *("name", "strength", "form", "frequency", "freq", "route", "duration", "duration_days"),
    *("durationDays", "confidence", "raw", "raw_line", "genericName", "generic_name"),
)

any_text = st.text(st.characters(exclude_categories=()), max_size=30)
WORDS = "1 0 2 5 - / . mg ml x days BD OD TDS 1-0-1 ½ food after \0 IU daily"
dosage_text = st.lists(st.sampled_from(WORDS.split(" ")), max_size=5).map(" ".join)
scalar = (
    st.none() | st.booleans() | st.integers() | st.floats() | any_text | dosage_text
)  # NaN and infinities included
anything = st.recursive(
    scalar, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(any_text, inner, max_size=3)
)
entry = st.dictionaries(st.sampled_from(FIELDS), anything, max_size=8) | anything
documents = st.lists(entry, max_size=4).map(lambda entries: {"medications": entries}) | anything


def read_one(entry: object) -> Medication:
    (medication,) = read_medications([entry], document_id="d1")
    return medication


def texts(medication: Medication) -> list[str]:
    found = (
        *(medication.name, medication.generic_name, medication.strength, medication.form),
        *(medication.route, medication.frequency, medication.raw, medication.strength_unit),
        *(medication.identity, medication.frequency_code),
    )
    return [text for text in found if text is not None]


def test_one_absurd_number_does_not_cost_the_others() -> None:
    absurd = '[{"name": "A", "duration_days": %s}, {"name": "B", "strength": NaN}]' % ("9" * 5000)

    first, second = read_medications(absurd, document_id="d1")

    assert (first.name, first.duration_days) == ("A", None)
    assert (second.name, second.strength) == ("B", None)


HOSTILE = (
    *(" " * 100_000 + "BD", "1-" * 50_000, "½" * 100_000, "9" * 100_000, "1," * 50_000 + "mg"),
    *("a." * 50_000, "\0" * 100_000, "\ud800" * 100_000, "\ufdfa" * 100_000, "1 mg+" * 20_000),
    *("a" + "\u0301\u0316" * 50_000, "every " * 16_000, "x 1" * 33_000, "12/12" * 20_000),
    *("1 day " * 16_000, "for 12 " * 14_000, "1 1/2-" * 16_000, "q 1 " * 25_000, "-" * 100_000),
)


@pytest.mark.parametrize("text", HOSTILE, ids=[f"{text[:6]!a}" for text in HOSTILE])
def test_a_hostile_text_is_cut_and_never_understood(text: str) -> None:
    same = ("name", "strength", "form", "route", "duration_days", "raw")

    medication = read_one({**dict.fromkeys(same, text), "frequency": f"{text} zz"})

    assert medication.timing is None
    assert medication.strength_value is None
    assert medication.duration_days is None
    assert len(medication.raw or "") <= MAX_RAW
    assert len(medication.name or "") <= MAX_NAME


def test_nesting_deeper_than_the_stack_is_only_an_unreadable_value() -> None:
    deep, as_deep = [], []
    for _ in range(100_000):
        deep, as_deep = [deep], [as_deep]

    medication = read_one(
        {"name": deep, "strength": {"value": deep}, "freq": deep, "frequency": as_deep}
    )

    assert medication.name is None
    assert "spellings_disagree" in medication.review_reasons


@quick
@given(documents)
def test_whatever_the_document_holds_is_counted_and_storable(document: object) -> None:
    try:
        medications = read_medications(document, document_id="d1")
    except MedicationsUnreadableError:
        return
    if isinstance(document, list):
        assert sum(m.occurrences for m in medications) == len(document)
    for medication in medications:
        assert set(medication.review_reasons) <= REVIEW_REASONS
        assert medication.duration_days is None or 1 <= medication.duration_days <= 365
        for text in texts(medication):
            assert "\0" not in text
            text.encode()


@quick
@given(entry)
def test_no_normal_form_is_invented(given_entry: object) -> None:
    medication = read_one(given_entry)
    fields = given_entry if isinstance(given_entry, dict) else {}

    assert medication.timing is None or medication.frequency
    assert medication.strength_value is None or medication.strength
    if medication.duration_days is not None and "duration_days" not in medication.defaulted:
        assert {"duration_days", "durationDays", "duration", "frequency", "freq"} & set(fields)
    for field in {"form", "route"} & set(medication.defaulted):
        said = str(fields.get(field) or "").strip()
        assert not said or f"{field}_unreadable" in medication.review_reasons
    if medication.name is not None:
        assert isinstance(fields["name"], str)


@quick
@given(entry)
def test_reading_what_was_read_gives_the_same(given_entry: object) -> None:
    once = read_one(given_entry)
    again = {
        "name": once.name,
        "generic_name": once.generic_name,
        "strength": once.strength,
        "form": once.form,
        "route": once.route,
        "frequency": once.frequency,
        "raw": once.raw,
    }

    twice = read_one(again)

    assert texts(twice) == texts(once)
    assert (twice.strength_value, twice.timing) == (once.strength_value, once.timing)


@quick
@given(st.lists(entry, max_size=3))
def test_json_text_reads_like_its_object(entries: list[object]) -> None:
    structured = {"medications": entries}

    from_text = read_medications(json.dumps(structured), document_id="d1")

    assert from_text == read_medications(structured, document_id="d1")
