"""A medication as a FHIR R4 Dosage, for MedicationStatement.dosage.

An OCR reading states what was written; it is no order (not a MedicationRequest of intent "order").

    ours                        FHIR R4 Dosage
    raw, else frequency         text
    timing.rate                 timing.repeat frequency, period, periodUnit
    timing.when                 timing.repeat.when (EventTiming MORN NOON EVE NIGHT, v3 HS)
    timing.single               timing.repeat.count = 1
    timing.code, no `when`      timing.code (GTSAbbreviation), only for codes of that system
    duration_days, if stated    timing.repeat.boundsDuration, UCUM d
    timing.as_needed            asNeededBoolean = true
    timing.meal                 additionalInstruction.text
    route, if stated            route.text
    timing.doses, if all equal  doseAndRate.doseQuantity, unit as stated or of a counted form

Three rules behind the table. A product default (form, route, 30 days) is not a statement of the
document and is left out. A medication that needs review is text alone: a machine would act on the
rest. Unequal slots (1-0-2) are left to text and `when`: R4 needs one Dosage for each amount. GTS
codes mean "at institution specified times", so a frequency with its own times of day has none.

Sources: hl7.org/fhir/R4 Dosage, Timing, valueset-event-timing, valueset-timing-abbreviation.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from shared.medications.vocabulary import DOSE_UNITS
from shared.text import fold

if TYPE_CHECKING:
    from shared.medications.medication import Medication
    from shared.medications.timing import Timing

GTS_SYSTEM = "http://terminology.hl7.org/CodeSystem/v3-GTSAbbreviation"
UCUM_SYSTEM = "http://unitsofmeasure.org"
GTS_CODES = frozenset(
    ("BID", "TID", "QID", "QD", "QOD", "Q1H", "Q2H", "Q3H", "Q4H", "Q6H", "Q8H", "WK", "MO")
)


def dosage(medication: Medication) -> dict[str, Any]:
    """The Dosage, ready for `json.dumps`; empty when nothing is said on how to take it."""
    text = medication.raw or medication.frequency
    found: dict[str, Any] = {"text": text} if text else {}
    timing = medication.timing
    if medication.needs_review or timing is None:
        return found
    if timing.meal:
        found["additionalInstruction"] = [{"text": timing.meal}]
    if structured := _timing(medication, timing):
        found["timing"] = structured
    if timing.as_needed:
        found["asNeededBoolean"] = True
    if "route" not in medication.defaulted:
        found["route"] = {"text": medication.route}
    if quantity := _quantity(medication, timing):
        found["doseAndRate"] = [{"doseQuantity": quantity}]
    return found


def _timing(medication: Medication, timing: Timing) -> dict[str, Any]:
    repeat: dict[str, Any] = {"count": 1} if timing.single else {}
    if medication.duration_days and "duration_days" not in medication.defaulted:
        days = {"value": medication.duration_days, "unit": "d", "system": UCUM_SYSTEM, "code": "d"}
        repeat["boundsDuration"] = days
    if timing.rate:
        times, period, unit = timing.rate
        repeat |= {"frequency": times, "period": period, "periodUnit": unit}
    if timing.when:
        repeat["when"] = list(timing.when)
    found: dict[str, Any] = {"repeat": repeat} if repeat else {}
    if timing.code in GTS_CODES and not timing.when:
        found["code"] = {"coding": [{"system": GTS_SYSTEM, "code": timing.code}]}
    return found


def _quantity(medication: Medication, timing: Timing) -> dict[str, Any] | None:
    if len(set(timing.doses)) != 1:
        return None
    unit = timing.dose_unit
    if unit is None and "form" not in medication.defaulted:
        unit = DOSE_UNITS.get(fold(medication.form))
        if unit is None:
            return None  # one of a syrup or an injection: one of what?
    return {"value": _json_number(timing.doses[0])} | ({"unit": unit} if unit else {})


def _json_number(value: Decimal) -> int | float:
    """A JSON number with the same digits: a float of at most five prints back exactly so."""
    return int(value) if value == value.to_integral_value() else float(value)
