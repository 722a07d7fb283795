"""The same medicine written twice on one document.

Same name, strength, form and route (`Medication.identity`): with the same frequency and the same
duration it is one medicine read twice and becomes one; with others both stay, flagged, because the
document contradicts itself and a person must choose. An unreadable duration equals no other.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from shared.text import fold

if TYPE_CHECKING:
    from shared.medications.medication import Medication

_FLAG = "conflicting_duplicate"


def merge_duplicates(medications: Iterable[Medication]) -> tuple[Medication, ...]:
    """Merge equal entries into the first of them and flag the contradictory ones, in list order."""
    kept: list[Medication] = []
    same_medicine: dict[str, list[int]] = {}
    for medication in medications:
        indexes = same_medicine.setdefault(medication.identity, []) if medication.name else []
        twin = next((i for i in indexes if _same_regimen(kept[i], medication)), None)
        if twin is not None:
            kept[twin] = kept[twin]._replace(occurrences=kept[twin].occurrences + 1)
            continue
        indexes.append(len(kept))
        kept.append(medication)
    for indexes in same_medicine.values():
        if len(indexes) > 1:
            for i in indexes:
                kept[i] = kept[i]._replace(review_reasons=(*kept[i].review_reasons, _FLAG))
    return tuple(kept)


def _same_regimen(one: Medication, other: Medication) -> bool:
    if one.duration_days is None or one.duration_days != other.duration_days:
        return False
    if one.timing or other.timing:
        return one.timing == other.timing
    return fold(one.frequency or "") == fold(other.frequency or "")
