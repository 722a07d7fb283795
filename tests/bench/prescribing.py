"""
Lines of prescriptions, as varied as a city's: a benchmark whose lines repeat would flatter a reader
that remembers. Of a thousand lines some 600 names differ, a name in thirty is misread by OCR in a
way of its own, and no two raw lines are alike.
"""

from __future__ import annotations

from random import Random
from typing import Any

_GENERICS = (
    "Metformin", "Amlodipine", "Atorvastatin", "Paracetamol", "Omeprazole", "Pantoprazole",
    "Telmisartan", "Losartan", "Glimepiride", "Sitagliptin", "Azithromycin", "Amoxicillin",
    "Cefixime", "Levocetirizine", "Montelukast", "Aspirin", "Clopidogrel", "Rosuvastatin",
    "Metoprolol", "Atenolol", "Levothyroxine", "Prednisolone", "Ibuprofen", "Diclofenac",
    "Ondansetron", "Domperidone", "Ranitidine", "Rabeprazole", "Doxycycline", "Ciprofloxacin",
    "Ofloxacin", "Salbutamol", "Budesonide", "Formoterol", "Furosemide", "Spironolactone",
    "Hydrochlorothiazide", "Gliclazide", "Vildagliptin", "Fluconazole", "Cetirizine",
    "Chlorpheniramine", "Dextromethorphan", "Ambroxol", "Calcium", "Cholecalciferol", "Folicacid",
    "Ferrous-ascorbate", "Gabapentin", "Pregabalin", "Escitalopram", "Clonazepam",
)  # fmt: skip
_BRANDS = ("", "", " SR", " XR", " Forte", " DS", " Plus", "-M", " OD")
_FORMS = ("tablet", "tablet", "tablet", "capsule", "syrup", "Tab", "inhaler", "drops", None)
_STRENGTHS = (
    *(f"{n} mg" for n in (2.5, 5, 10, 20, 25, 40, 50, 75, 80, 100, 150, 200, 250, 300, 400, 500,
                          650, 750, 850, 1000)),
    *(f"{n}mg" for n in (5, 10, 20, 40, 50, 100, 250, 500, 650)),
    *(f"{n} mcg" for n in (12.5, 25, 50, 75, 88, 100, 200)),
    *("125 mg/5 ml", "250 mg/5ml", "500 mg + 125 mg", "50 mg/500 mg", "60,000 units", "1 g"),
    *("5 ml", "500", "40 IU", None),
)  # fmt: skip
_TIMES = (
    "1-0-1", "1-1-1", "0-0-1", "1-0-0", "1-0-1 after food", "0-0-1 HS", "BD", "TDS", "QID", "OD",
    "once daily", "twice daily", "thrice daily", "once daily before breakfast", "SOS", "PRN",
    "twice daily after food", "every 8 hours", "q6h", "1/2-0-1/2", "weekly", "once weekly",
    "subah sham", "din me do baar", "1 tab BD", "2 puffs twice daily", "5 ml TDS", "at bedtime",
    "alternate days", "BD x 5 days", "1-0-1 x 7 days", "as directed", None,
)  # fmt: skip
_choose = Random(7)


def medicine() -> dict[str, Any]:
    """Return the next line of a prescription, as the edge function writes it."""
    name = _choose.choice(_GENERICS) + _choose.choice(_BRANDS)
    name = _choose.choice((name, name, name.upper(), name.lower()))
    if _choose.random() < 1 / 30:
        at = _choose.randrange(len(name))
        name = name[:at] + _choose.choice("abcdefghijklmnopqrstuvwxyz0158") + name[at + 1 :]
    strength, when, days = (
        _choose.choice(_STRENGTHS),
        _choose.choice(_TIMES),
        _choose.randint(1, 90),
    )
    line = {
        "name": name,
        "strength": strength,
        "form": _choose.choice(_FORMS),
        "frequency": when,
        "duration_days": _choose.choice((days, days, f"{days} days")),
        "confidence": round(_choose.uniform(0.6, 1.0), 4),
        "raw": f"{_choose.randint(1, 9999)}. {name} {strength} {when} x {days} days",
    }
    return {field: value for field, value in line.items() if value is not None}
