"""What a document's medications become: as read, in normal form, flagged, never invented."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from shared.errors import PermanentError
from shared.medications import (
    MAX_ENTRIES,
    MedicationsUnreadableError,
    read_medications,
)
from tests.steps.medication_entry import COMPLETE, read, read_one


def test_a_complete_entry_is_read_without_review() -> None:
    medication = read_one()

    assert medication.name == "Amoxicillin"
    assert (medication.strength, medication.strength_value) == ("500 mg", Decimal(500))
    assert medication.strength_unit == "mg"
    assert (medication.form, medication.route) == ("capsule", "oral")
    assert (medication.frequency, medication.frequency_code) == ("TDS", "TID")
    assert medication.duration_days == 5
    assert medication.confidence == Decimal("0.93")
    assert medication.raw == COMPLETE["raw"]
    assert (medication.document_id, medication.position) == ("d1", 0)
    assert medication.defaulted == ()
    assert not medication.needs_review


def test_what_a_document_leaves_unsaid_gets_the_products_defaults_and_says_so() -> None:
    medication = read_one(form="absent", route=None, duration_days="  ", raw="absent")

    assert (medication.form, medication.route, medication.duration_days) == ("tablet", "oral", 30)
    assert medication.defaulted == ("form", "route", "duration_days")
    assert not medication.needs_review


@pytest.mark.parametrize(
    "spelling",
    [
        {"freq": "TDS", "frequency": "absent"},
        {"durationDays": 5, "duration_days": "absent"},
        {"duration": "5 days", "duration_days": "absent"},
        {"duration": "5/7", "duration_days": 5},
        {"rawLine": COMPLETE["raw"], "raw": "absent"},
        {"raw_line": COMPLETE["raw"], "raw": "absent"},
        {"line": COMPLETE["raw"], "raw": "absent"},
        {"strength": {"value": 500, "unit": "mg"}},
    ],
)
def test_every_spelling_of_a_field_is_the_same_field(spelling: dict[str, object]) -> None:
    assert read_one(**spelling) == read_one()


def test_the_generic_name_is_kept_but_is_not_the_name() -> None:
    medication = read_one(name="absent", genericName="Amoxicillin trihydrate")

    assert medication.generic_name == "Amoxicillin trihydrate"
    assert medication.name is None


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"name": "absent"}, "name_missing"),
        ({"name": "500"}, "name_missing"),
        ({"name": "\0 \ufeff"}, "name_missing"),
        ({"name": 7}, "name_missing"),
        ({"name": "MgSO4"}, "name_ambiguous"),
        ({"strength": "absent"}, "strength_missing"),
        ({"strength": ["500 mg"]}, "strength_unreadable"),
        ({"strength": "1.0 mg"}, "strength_trailing_zero"),
        ({"strength": 500}, "strength_without_unit"),
        ({"frequency": "absent"}, "frequency_missing"),
        ({"frequency": {"times": 2}}, "frequency_unreadable"),
        ({"frequency": 2}, "frequency_unreadable"),
        ({"frequency": "OD"}, "frequency_ambiguous"),
        ({"frequency": "BD TDS"}, "frequency_contradictory"),
        ({"frequency": "TDS", "freq": "BD"}, "spellings_disagree"),
        ({"duration_days": 0}, "duration_out_of_range"),
        ({"duration_days": "soon"}, "duration_unreadable"),
        ({"duration": "7 days"}, "duration_contradictory"),
        ({"frequency": "TDS x 7 days"}, "duration_contradictory"),
        ({"form": 3}, "form_unreadable"),
        ({"route": ["oral"]}, "route_unreadable"),
        ({"confidence": 0.69}, "confidence_low"),
        ({"confidence": 93}, "confidence_unreadable"),
        ({"confidence": True}, "confidence_unreadable"),
        ({"confidence": float("nan")}, "confidence_unreadable"),
        ({"raw": "x" * 5000}, "text_truncated"),
    ],
)
def test_each_doubt_asks_for_review_with_its_reason(
    changes: dict[str, object], reason: str
) -> None:
    medication = read_one(**changes)

    assert medication.needs_review
    assert medication.review_reasons == (reason,)


def test_a_confidence_of_seven_tenths_needs_no_review() -> None:
    assert not read_one(confidence=0.7).needs_review
    assert not read_one(confidence="absent").needs_review


@pytest.mark.parametrize("days", [0, -1, 366, True, float("nan"), float("inf"), "forever", [5]])
def test_an_insane_duration_is_dropped_and_not_defaulted(days: object) -> None:
    assert read_one(duration_days=days).duration_days is None


def test_a_duration_in_the_frequency_counts_as_stated() -> None:
    medication = read_one(frequency="BD x 7 days", duration_days="absent", raw="absent")

    assert medication.duration_days == 7
    assert "duration_days" not in medication.defaulted
    assert not medication.needs_review


@pytest.mark.parametrize(
    "changes",
    [
        {"raw": "Cap Amoxicillin 500 mg TDS x 5 days"},
        {"raw": "absent", "frequency": "BD for 3 days then OD for 3 days"},
    ],
)
def test_a_duration_only_the_text_knows_keeps_the_default_away(changes: dict[str, object]) -> None:
    medication = read_one(duration_days="absent", **changes)

    assert medication.duration_days is None
    assert "duration_only_in_text" in medication.review_reasons


def test_an_entry_that_is_a_bare_line_is_kept_for_review() -> None:
    line, number = read("Tab Dolo 650 BD", 7)

    assert (line.name, line.raw) == (None, "Tab Dolo 650 BD")
    assert "entry_not_an_object" in line.review_reasons
    assert (number.name, number.raw, number.position) == (None, None, 1)


def test_stored_text_is_as_read_but_for_what_cannot_be_stored() -> None:
    medication = read_one(
        name=" Ａmoxicillin\t½ \u202eforte\0",
        frequency="१½-०-१",
        raw="line 1\r\nline\x002\ud800",
    )

    assert medication.name == "Amoxicillin 1/2 forte"
    assert medication.frequency == "१½-०-१"
    assert medication.raw == "line 1\r\nline2\N{REPLACEMENT CHARACTER}"


@pytest.mark.parametrize("absent", [None, {}, [], "", " ", "null", "{}", {"medications": None}])
def test_a_document_without_medications_has_none(absent: object) -> None:
    assert read_medications(absent, document_id="d1") == ()


@pytest.mark.parametrize(
    "wrapped",
    [
        [COMPLETE],
        {"medications": [COMPLETE]},
        {"medications": COMPLETE},
        json.dumps([COMPLETE]),
        json.dumps({"medications": [COMPLETE]}),
    ],
)
def test_an_object_a_list_and_their_json_text_are_the_same(wrapped: object) -> None:
    assert read_medications(wrapped, document_id="d1") == (read_one(),)


@pytest.mark.parametrize(
    ("structured", "code"),
    [
        ("{not json", "medications_not_json"),
        ("[" * 100_000, "medications_too_deep"),
        ("7", "medications_not_an_object"),
        (True, "medications_not_an_object"),
        (b"{}", "medications_not_an_object"),
        ([COMPLETE] * (MAX_ENTRIES + 1), "medications_too_many"),
    ],
)
def test_a_list_that_cannot_be_read_is_refused_by_code(structured: object, code: str) -> None:
    with pytest.raises(MedicationsUnreadableError) as caught:
        read_medications(structured, document_id="d1")

    assert caught.value.code == str(caught.value) == code
    assert isinstance(caught.value, PermanentError)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_the_longest_allowed_list_is_read() -> None:
    entries = [{**COMPLETE, "name": f"Drug {n}"} for n in range(MAX_ENTRIES)]

    assert [m.position for m in read(*entries)] == list(range(MAX_ENTRIES))


def test_a_medication_never_shows_its_content() -> None:
    assert "Amoxicillin" not in repr(read_one())
