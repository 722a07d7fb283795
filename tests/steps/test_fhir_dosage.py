"""A medication as a FHIR R4 Dosage: what was read, in FHIR's words, and nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest

from shared.medications import Medication, read_medications
from shared.medications.fhir import GTS_SYSTEM, UCUM_SYSTEM, dosage

STATED: dict[str, Any] = {
    "name": "Ibuprofen",
    "strength": "400 mg",
    "form": "tablet",
    "route": "oral",
    "duration_days": 5,
}
FIVE_DAYS = {"value": 5, "unit": "d", "system": UCUM_SYSTEM, "code": "d"}


def medication(**fields: object) -> Medication:
    (found,) = read_medications([{**STATED, **fields}], document_id="d1")
    return found


def repeat(**fields: object) -> dict[str, Any]:
    return dosage(medication(**fields))["timing"]["repeat"]


@pytest.mark.parametrize(
    ("frequency", "times", "period", "unit", "code"),
    [
        ("BD", 2, 1, "d", "BID"),
        ("TDS", 3, 1, "d", "TID"),
        ("QID", 4, 1, "d", "QID"),
        ("once daily", 1, 1, "d", "QD"),
        ("alternate days", 1, 2, "d", "QOD"),
        ("q6h", 1, 6, "h", "Q6H"),
        ("weekly", 1, 1, "wk", "WK"),
        ("monthly", 1, 1, "mo", "MO"),
    ],
)
def test_a_rate_becomes_repeat_and_its_hl7_code(
    frequency: str, times: int, period: int, unit: str, code: str
) -> None:
    timing = dosage(medication(frequency=frequency))["timing"]

    assert timing == {
        "repeat": {
            "boundsDuration": FIVE_DAYS,
            "frequency": times,
            "period": period,
            "periodUnit": unit,
        },
        "code": {"coding": [{"system": GTS_SYSTEM, "code": code}]},
    }


@pytest.mark.parametrize("frequency", ["q12h", "5 times daily", "every 3 days"])
def test_a_rate_without_an_hl7_code_has_no_code(frequency: str) -> None:
    assert "code" not in dosage(medication(frequency=frequency))["timing"]


@pytest.mark.parametrize(
    ("frequency", "when"),
    [
        ("1-0-1", ["MORN", "NIGHT"]),
        ("1-1-1-1", ["MORN", "NOON", "EVE", "NIGHT"]),
        ("HS", ["HS"]),
        ("subah sham", ["MORN", "EVE"]),
    ],
)
def test_named_times_of_day_replace_the_institutions_times(frequency: str, when: list[str]) -> None:
    timing = dosage(medication(frequency=frequency))["timing"]

    assert timing["repeat"]["when"] == when
    assert timing["repeat"]["frequency"] == len(when)
    assert "code" not in timing


def test_a_single_dose_is_counted_once() -> None:
    assert repeat(frequency="stat") == {"count": 1, "boundsDuration": FIVE_DAYS}


def test_as_needed_is_said_with_and_without_a_rate() -> None:
    assert dosage(medication(frequency="SOS"))["asNeededBoolean"] is True
    assert dosage(medication(frequency="TDS PRN"))["asNeededBoolean"] is True
    assert repeat(frequency="TDS PRN")["frequency"] == 3
    assert "asNeededBoolean" not in dosage(medication(frequency="TDS"))


def test_the_meal_is_an_additional_instruction() -> None:
    found = dosage(medication(frequency="1-0-1 after food"))

    assert found["additionalInstruction"] == [{"text": "after food"}]
    assert found["timing"]["repeat"]["when"] == ["MORN", "NIGHT"]


@pytest.mark.parametrize(
    ("fields", "quantity"),
    [
        ({"frequency": "1-0-1"}, {"value": 1, "unit": "tablet"}),
        ({"frequency": "½-0-½"}, {"value": 0.5, "unit": "tablet"}),
        ({"frequency": "5 ml TDS", "form": "syrup"}, {"value": 5, "unit": "ml"}),
        ({"frequency": "1-0-1", "form": "Tab."}, {"value": 1, "unit": "tablet"}),
        ({"frequency": "1-0-1", "form": None}, {"value": 1}),
    ],
)
def test_an_amount_is_given_in_the_unit_that_was_read(
    fields: dict[str, object], quantity: dict[str, object]
) -> None:
    assert dosage(medication(**fields))["doseAndRate"] == [{"doseQuantity": quantity}]


@pytest.mark.parametrize("form", ["injection", "syrup"])
def test_one_of_a_form_that_is_not_counted_is_left_to_the_text(form: str) -> None:
    found = dosage(medication(frequency="1-0-1", form=form))

    assert "doseAndRate" not in found


@pytest.mark.parametrize("frequency", ["1-0-2", "BD"])
def test_an_unequal_or_unstated_amount_is_left_to_the_text(frequency: str) -> None:
    found = dosage(medication(frequency=frequency))

    assert "doseAndRate" not in found
    assert found["text"] == frequency


def test_the_raw_line_is_the_text_where_there_is_one() -> None:
    assert dosage(medication(frequency="BD", raw="Tab X BD"))["text"] == "Tab X BD"


def test_product_defaults_are_not_statements_of_the_document() -> None:
    found = dosage(medication(frequency="BD", form=None, route=None, duration_days=None))

    assert "route" not in found
    assert "boundsDuration" not in found["timing"]["repeat"]


def test_a_stated_route_is_kept() -> None:
    assert dosage(medication(frequency="BD", route="sublingual"))["route"] == {"text": "sublingual"}


@pytest.mark.parametrize(
    "fields",
    [{"frequency": "OD"}, {"frequency": "BD", "confidence": 0.5}, {"frequency": "1-1"}],
)
def test_a_medication_under_review_is_text_alone(fields: dict[str, object]) -> None:
    assert dosage(medication(**fields)) == {"text": fields["frequency"]}


def test_nothing_said_is_an_empty_dosage() -> None:
    assert dosage(medication(frequency=None)) == {}


def test_a_dosage_is_json_with_exact_decimals() -> None:
    text = json.dumps(dosage(medication(frequency="1½-0-1½")))

    assert '"value": 1.5' in text
