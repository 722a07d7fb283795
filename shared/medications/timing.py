"""When a medicine is taken: the normal form of a frequency, close to FHIR R4 Timing.repeat."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, NamedTuple

PeriodUnit = Literal["h", "d", "wk", "mo"]
When = Literal["MORN", "NOON", "EVE", "NIGHT", "HS"]
Meal = Literal["before food", "after food", "with food", "empty stomach"]


class Rate(NamedTuple):
    """`times` per `period` of `unit`. A field is None where the words leave it open ("twice")."""

    times: int | None = None
    period: int | None = None
    unit: PeriodUnit | None = None


_CODES = {
    Rate(1, 1, "d"): "QD",
    Rate(2, 1, "d"): "BID",
    Rate(3, 1, "d"): "TID",
    Rate(4, 1, "d"): "QID",
    Rate(1, 2, "d"): "QOD",
    Rate(1, 1, "wk"): "WK",
    Rate(1, 1, "mo"): "MO",
}


@dataclass(frozen=True, slots=True)
class Timing:
    """A frequency with one safe reading.

    `rate` is None when the medicine is taken once (`single`) or purely as needed. `when` holds the
    times of day named, in order; `doses` the amount at each of them, or one amount for all times
    when no time of day is named, or nothing when none is stated.
    """

    rate: Rate | None = None
    when: tuple[When, ...] = ()
    doses: tuple[Decimal, ...] = ()
    dose_unit: str | None = None
    meal: Meal | None = None
    as_needed: bool = False
    single: bool = False

    @property
    def code(self) -> str:
        """HL7 GTSAbbreviation where it has one (BID, Q8H, WK), else STAT, PRN or "5/1d"."""
        if self.single:
            return "STAT"
        if self.rate is None:
            return "PRN"
        times, period, unit = self.rate
        if unit == "h" and times == 1:
            return f"Q{period}H"
        return _CODES.get(self.rate) or f"{times}/{period}{unit}"
