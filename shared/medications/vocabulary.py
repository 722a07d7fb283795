"""The words a frequency may be made of. A text with any other word is not understood.

Sources:

* Latin and English abbreviations (BD, TDS, QDS, OM, mane, nocte, HS, stat, PRN, SOS): standard
  prescribing abbreviations of the British National Formulary and of Indian practice.
* Hindi and Hinglish (subah, dopahar, sham, raat, din me do baar, khane ke baad): the words of the
  Indian morning-noon-evening-night scheme, in Latin letters as OCR yields them and in Devanagari.
* `AMBIGUOUS`: the Joint Commission's official "Do Not Use" list (QD, QOD, U) and ISMP's List of
  Error-Prone Abbreviations (OD = once daily or right eye, BT = bedtime or BID, qhs, qn = every
  hour, q1d = QID, TIW/BIW = per week or per day, ss). ISMP lists HS too (half strength); as a
  frequency it has one meaning, so it is read. "ON" (omni nocte) is also an English word.

A number word counts only before "times", "baar" or a dose unit: the Hindi "do" (two) is also an
English word.
"""

from __future__ import annotations

from typing import NamedTuple

from shared.medications.timing import Meal, Rate, When


class Part(NamedTuple):
    """What one phrase contributes. All fields empty: a phrase that says nothing about timing."""

    rate: Rate = Rate()
    when: When | None = None
    meal: Meal | None = None
    as_needed: bool = False
    single: bool = False


_AMBIGUOUS = "od, qd, qod, eod, on, qn, qhs, bt, tiw, biw, q1d, ss, u, ud, biweekly, bi-weekly"
AMBIGUOUS = frozenset(_AMBIGUOUS.split(", "))

_COUNTS = ("one ek एक", "two do दो", "three teen tin तीन", "four char chaar चार")
COUNTS = {word: count for count, words in enumerate(_COUNTS, 1) for word in words.split()}
HALF = frozenset(("half", "aadhi", "adhi", "aadha"))
_DOSE_UNITS = {
    "tablet": "tablet tablets tab tabs goli गोली",
    "capsule": "capsule capsules cap caps",
    "drop": "drop drops",
    "puff": "puff puffs",
    "spray": "spray sprays",
    "sachet": "sachet sachets",
    "teaspoon": "teaspoon teaspoons tsp",
    "ml": "ml",
}
DOSE_UNITS = {name: unit for unit, names in _DOSE_UNITS.items() for name in names.split()}
# Above it a number may be the quantity to dispense, hours, units or a lost decimal point. Our own
# bounds, wide of usual single doses: not a check of any medicine's safe dose.
MOST_AT_ONCE = {
    "tablet": 4,
    "capsule": 4,
    "drop": 20,
    "puff": 8,
    "spray": 4,
    "sachet": 4,
    "teaspoon": 4,
    "ml": 60,
}

_RATES = {
    "bd, bid, bds": Rate(2, 1, "d"),
    "tds, tid": Rate(3, 1, "d"),
    "qds, qid": Rate(4, 1, "d"),
    "once": Rate(times=1),
    "twice": Rate(times=2),
    "thrice": Rate(times=3),
    "daily, a day, per day, /day, / day, in a day, every day, everyday, each day, din me, din mein,"
    " din main, roz, rozana, har roz, har din, दिन में, रोज": Rate(None, 1, "d"),
    "alternate day, alternate days, alt day, alt days, on alternate days, every other day,"
    " every alternate day, ek din chhod kar, ek din chhodkar": Rate(None, 2, "d"),
    "weekly, a week, per week, /week, in a week, every week, hafte me, hafte mein, हफ्ते में": Rate(
        None, 1, "wk"
    ),
    "fortnightly": Rate(None, 2, "wk"),
    "monthly, a month, per month, every month, mahine me, mahine mein": Rate(None, 1, "mo"),
    "hourly, every hour": Rate(None, 1, "h"),
}
_WHENS: dict[str, When] = {
    "om, mane, morning, mornings, subah, subeh, subha, savere, सुबह": "MORN",
    "noon, midday, afternoon, dopahar, dopahr, dupahar, दोपहर": "NOON",
    "evening, evenings, sham, shaam, sandhya, शाम": "EVE",
    "nocte, night, nights, nightly, raat, rat ko, raat ko, रात": "NIGHT",
    "hs, bedtime, bed time, hour of sleep, sote samay, sote waqt, sone se pehle, सोते समय,"
    " raat ko sote samay, raat ko sone se pehle, रात को सोते समय, at night at bedtime,"
    " at night before sleep": "HS",
}
_MEALS: dict[str, Meal] = {
    "ac, before food, before meal, before meals, before eating, khane se pehle, khane se pahle,"
    " खाने से पहले": "before food",
    "pc, after food, after meal, after meals, after eating, khane ke baad, khane ke bad,"
    " खाने के बाद": "after food",
    "with food, with meal, with meals, khane ke saath, khane ke sath, खाने के साथ": "with food",
    "empty stomach, on empty stomach, khali pet, खाली पेट": "empty stomach",
}
_NAMED_MEALS: dict[str, When] = {"breakfast": "MORN", "lunch": "NOON", "dinner": "NIGHT"}
_AS_NEEDED = (
    "prn, sos, as needed, if needed, when needed, as required, if required, when required,"
    " if necessary, jarurat padne par, zarurat padne par, if fever, if pain, bukhar aane par,"
    " dard hone par"
)
_SINGLE = "stat, immediately, single dose"
_SILENT = (
    "take, taken, to be taken, apply, use, give, at, in, the, and, aur, every, each, ko, po, oral,"
    " orally, by mouth, with water, tab, tabs, tablet, tablets, cap, caps, capsule, capsules, goli,"
    " and at, को, और, गोली, for fever, for pain, for headache, for vomiting, for cough"
)


def _phrases() -> dict[str, Part]:
    table = {name: Part() for name in _SILENT.split(", ")}
    for names, rate in _RATES.items():
        table |= dict.fromkeys(names.split(", "), Part(rate=rate))
    for names, when in _WHENS.items():
        table |= dict.fromkeys(names.split(", "), Part(when=when))
    for names, meal in _MEALS.items():
        table |= dict.fromkeys(names.split(", "), Part(meal=meal))
    for noun, when in _NAMED_MEALS.items():
        table[f"before {noun}"] = Part(when=when, meal="before food")
        table[f"after {noun}"] = Part(when=when, meal="after food")
    table |= dict.fromkeys(_AS_NEEDED.split(", "), Part(as_needed=True))
    table |= dict.fromkeys(_SINGLE.split(", "), Part(single=True))
    return table


PHRASES = _phrases()
