"""Synthetic patients, and what an OCR might read from their papers. Seeded: the same every time."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from infra.local.demo.profiles import spelled

NAMES = (
    ("Asha", "Verma"), ("Ravi", "Menon"), ("मीरा", "शर्मा"), ("Fatima", "Sheikh"),
    ("முருகன்", "ராஜா"), ("Anaïs", "Lefèvre"), ("Nguyễn", "Thảo"), ("O'Brien", "Kiran"),
    ("李", "娜"), ("Zoë", "D'Souza"), ("محمد", "حسن"), ("Björk", "Ångström"),
    ("সুমন", "দাস"), ("Jyoti", "Kaur-Singh"), ("Ivan", "Петров"),
)  # fmt: skip
# Invented medicines: nothing in the demo may look like a real person's prescription.
MEDICINES = ("Demoxil", "Testamol", "Samplostat", "Fictopril", "Mockazole", "Placebin", "Exampline")
STRENGTHS = ("500 mg", "250mg", "5 mg", "0.5 mg", "10 ml", "250mg/5ml", None)
FREQUENCIES = ("1-0-1", "TDS", "twice daily", "BD", "0-0-1", "q8h", "din me do baar", "SOS", None)
DURATIONS: tuple[dict[str, Any], ...] = (
    {"duration_days": 5}, {"durationDays": 7}, {"duration": "10 days"}, {"duration": "5/7"}, {},
)  # fmt: skip


@dataclass(frozen=True)
class Person:
    """One synthetic patient. `sign_in` is phone, email or both; contacts are made up."""

    first: str
    last: str
    sign_in: str
    phone: str | None
    email: str | None
    profile: dict[str, Any] = field(default_factory=dict[str, Any])


def people(count: int, seed: int = 7) -> list[Person]:
    """Return patients with varied names, contacts and profiles."""
    rng = random.Random(seed)
    return [_person(number, rng) for number in range(count)]


def _person(number: int, rng: random.Random) -> Person:
    first, last = NAMES[number % len(NAMES)]
    sign_in = ("phone", "phone", "phone", "email", "both")[number % 5]
    profile: dict[str, Any] = {"language": "en"}
    if rng.random() < 0.7:
        profile["dob"] = (
            f"{rng.randint(1940, 2015)}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}"
        )
    if rng.random() < 0.5:
        profile["allergies"] = rng.choice(["pollen", ["dust", "pollen"], []])
    if rng.random() < 0.6:
        profile["consentNotifications"] = rng.random() < 0.8
    profile |= spelled(number, first, last)
    if number % 7 == 3:
        profile["fcmTokens"] = [f"demo-phone-{number}", f"demo-tablet-{number}"]
    elif number % 7 != 6:
        profile["fcmToken"] = f"demo-phone-{number}"
    return Person(
        first,
        last,
        sign_in,
        f"+9198{number:08}" if sign_in != "email" else None,
        f"patient{number}@Example.com" if sign_in != "phone" else None,
        profile,
    )


def papers(uid: str, number: int, seed: int = 7) -> list[dict[str, Any]]:
    """Return the document rows the edge function would insert for a patient: none to four."""
    rng = random.Random(seed * 100_003 + number)
    return [_paper(uid, rng) for _ in range(rng.choice([0, 1, 1, 2, 2, 3, 4]))]


def _paper(uid: str, rng: random.Random) -> dict[str, Any]:
    handwritten = rng.random() < 0.4
    medicines = [_medicine(rng, handwritten=handwritten) for _ in range(rng.randint(0, 8))]
    if medicines and rng.random() < 0.3:
        medicines.append(dict(medicines[0]))  # the same line read twice
    structured: Any = {"medications": medicines, "style": "handwritten" if handwritten else "typed"}
    if rng.random() < 0.15:
        structured = None
    identity = UUID(int=rng.getrandbits(128), version=4)
    return {
        "id": str(identity),
        "patient_id": uid,
        "type": rng.choice(["prescription", "LAB", "Report", "PRESCRIPTION"]),
        "file_url": f"documents/{uid}/{identity}.jpg" if rng.random() < 0.9 else None,
        "text": "\n".join(str(m.get("raw") or m["name"]) for m in medicines) or None,
        "structured_json": structured,
        "ocr_confidence": round(rng.uniform(0.35, 0.7) if handwritten else rng.uniform(0.8, 1), 3),
    }


def _medicine(rng: random.Random, *, handwritten: bool) -> dict[str, Any]:
    name, strength, frequency = (
        rng.choice(MEDICINES),
        rng.choice(STRENGTHS),
        rng.choice(FREQUENCIES),
    )
    medicine: dict[str, Any] = {"name": name, **rng.choice(DURATIONS)}
    if strength:
        medicine["strength"] = strength
    if frequency:
        medicine[rng.choice(["frequency", "freq"])] = frequency
    if rng.random() < 0.5:
        medicine["form"] = rng.choice(["tablet", "capsule", "syrup"])
    medicine["confidence"] = round(rng.uniform(0.4, 0.8) if handwritten else rng.uniform(0.8, 1), 2)
    medicine["raw"] = " ".join(part for part in (name, strength, frequency) if part)
    return medicine


def summary(number: int, seed: int = 7) -> dict[str, Any]:
    """Return the summary_json of a prescription as the doctor web app writes it."""
    rng = random.Random(seed * 7_919 + number)
    return {
        "diagnosis": rng.choice(["seasonal complaint", "routine follow-up", "observation"]),
        "notes": rng.choice(["", "drink water", "rest for two days"]),
        "follow_up_days": rng.choice([7, 14, None]),
        "lab_tests": rng.choice([[], ["CBC"], ["CBC", "lipid panel"]]),
        "medications": [
            {
                "name": rng.choice(MEDICINES),
                "strength": rng.choice(STRENGTHS[:4]),
                "form": "tablet",
                "frequency": rng.choice(FREQUENCIES[:5]),
                "route": "oral",
                "duration_days": rng.choice([3, 5, 10]),
            }
            for _ in range(rng.randint(1, 12))
        ],
    }
