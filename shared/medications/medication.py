"""One medication of a document, and everything that can be wrong with one."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from shared.errors import PermanentError

if TYPE_CHECKING:
    from shared.medications.timing import Timing

REVIEW_REASONS = frozenset(
    {
        "entry_not_an_object",
        "name_missing",
        "name_ambiguous",  # MS, MSO4, MgSO4: morphine or magnesium
        "strength_missing",
        "strength_unreadable",
        "strength_without_unit",
        "strength_unit_ambiguous",
        "strength_trailing_zero",
        "strength_naked_decimal",
        "frequency_missing",
        "frequency_unreadable",
        "frequency_ambiguous",
        "frequency_contradictory",
        "duration_unreadable",
        "duration_out_of_range",
        "duration_contradictory",
        "duration_only_in_text",
        "form_unreadable",
        "route_unreadable",
        "confidence_unreadable",
        "confidence_low",
        "spellings_disagree",  # freq and frequency both given, with different values
        "raw_disagrees",  # the line names another strength, schedule or course than the fields
        "text_truncated",
        "conflicting_duplicate",
    }
)


class MedicationsUnreadableError(PermanentError):
    """The list itself cannot be read; a single bad entry never raises this.

    Codes: medications_not_json, medications_too_deep, medications_not_an_object,
    medications_too_many.
    """


class Medication(NamedTuple):
    """An entry of a document's `medications`, as read and in normal form.

    As read: `name` (NFKC), `generic_name`, `strength`, `form`, `frequency`, `route`, `raw` (the
    line the OCR saw, with its line breaks). Normal form: `strength_value` with `strength_unit`,
    `timing` with its `frequency_code`, `duration_days`. A normal form is None unless the text has
    one safe reading; the reason is then in `review_reasons` (codes of `REVIEW_REASONS`).

    An entry without a name has `name` None: it cannot be a core medication, and stays here to be
    counted and shown. `defaulted` names the fields that hold the product's default because the
    document says nothing readable: form, route, duration_days. `position` is the index in the list,
    `occurrences` the number of equal entries merged into this one. `identity` is equal for entries
    that are the same medicine: name, strength, form and route, whatever their place and spelling.
    """

    document_id: str
    position: int
    identity: str
    name: str | None
    generic_name: str | None
    strength: str | None
    strength_value: Decimal | None
    strength_unit: str | None
    form: str
    route: str
    frequency: str | None
    timing: Timing | None
    duration_days: int | None
    confidence: Decimal | None
    raw: str | None
    defaulted: tuple[str, ...]
    review_reasons: tuple[str, ...]
    occurrences: int = 1

    @property
    def needs_review(self) -> bool:
        """Whether a person must look before it counts: no reminders until then."""
        return bool(self.review_reasons)

    @property
    def frequency_code(self) -> str | None:
        """The code of the timing: BID, Q8H, PRN; None where the frequency is not understood."""
        return self.timing.code if self.timing else None

    def __repr__(self) -> str:
        """Never the content: a repr ends up in tracebacks."""
        return f"Medication(position={self.position}, review_reasons={self.review_reasons})"
