"""Rights in Firestore: each role x collection x action is allowed just where firestore.txt says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.contract.firebase.conftest import OWNER, REPOSITORY, Emulators
from tests.contract.rights.matrix import Matrix, differences, read, text

SAID = read(Path(__file__).with_name("firestore.txt"))
ROLES = ("patient", "other_patient", "doctor", "other_doctor", "stranger", "nobody")
ALLOWED = 200


@pytest.fixture(name="people")
def _people(emulators: Emulators) -> dict[str, str | None]:
    """Fill Firestore as the sync does; return the roles' tokens, and uids under "... uid"."""
    names = ("patient", "other_patient", "doctor", "other_doctor", "stranger")
    uids, tokens = {}, {}
    for name in names:
        uids[name], tokens[name] = emulators.sign_up()
    for path in _things(uids["patient"], uids["doctor"]).values():
        _put(emulators, path, uids)
    _put(emulators, f"users/{uids['other_patient']}/appointments/a2", uids)
    _put(emulators, f"doctors/{uids['other_doctor']}", uids)
    emulators.patch("doctors/doctor-2", OWNER, uid=uids["other_doctor"])
    _put(emulators, "doctors/doctor-2/appointments/a2", uids)
    return tokens | {"nobody": None} | {f"{name} uid": uid for name, uid in uids.items()}


def test_every_role_may_do_with_every_document_what_the_matrix_says(
    emulators: Emulators, people: dict[str, str | None]
) -> None:
    uids = {name: str(people[f"{name} uid"]) for name in ("patient", "doctor")}
    is_so: Matrix = {
        thing: {role: _may(emulators, path, people[role], uids) for role in ROLES}
        for thing, path in _things(uids["patient"], uids["doctor"]).items()
    }
    assert differences(SAID, is_so) == [], text(is_so, ROLES)


def test_every_collection_that_the_code_names_has_a_line_in_the_matrix() -> None:
    named: set[str] = set()
    for folder in ("functions", "shared"):
        for file in (REPOSITORY / folder).rglob("*.py"):
            calls = re.findall(r"\bpath\((\"\w+\", [^()]*)\)", file.read_text(encoding="utf-8"))
            named |= {"/".join(re.findall(r"\"(\w+)\"", call)) for call in calls}
    assert {"users/inbox", "doctors/appointments", "appointmentPlaces"} <= named
    assert named <= {re.sub(r"/\{\w+\}", "", thing) for thing in SAID}


def _things(patient: str, doctor: str) -> dict[str, str]:
    """Return a document of each kind, by its line in the matrix."""
    return {
        "appointmentPlaces/{id}": "appointmentPlaces/a1",
        "doctors/{doctor}": "doctors/doctor-1",
        "doctors/{doctor}/appointments/{id}": "doctors/doctor-1/appointments/a1",
        "doctors/{uid}": f"doctors/{doctor}",
        "elsewhere/{id}": "elsewhere/x",
        "users/{uid}": f"users/{patient}",
        "users/{uid}/appointments/{id}": f"users/{patient}/appointments/a1",
        "users/{uid}/inbox/{id}": f"users/{patient}/inbox/n1",
    }


def _put(emulators: Emulators, path: str, uids: dict[str, str]) -> None:
    """Write a document anew; a doctor's by core's id tells whose sign-in that is."""
    own = {"uid": uids["doctor"]} if path == "doctors/doctor-1" else {}
    assert emulators.patch(path, OWNER, note="made up", read=False, **own) == ALLOWED


def _may(emulators: Emulators, path: str, token: str | None, uids: dict[str, str]) -> str:
    """Try every action, each on the document as it was; return the matrix's cell."""
    may = ""
    if emulators.get(path, token) == ALLOWED:
        may += "G"
    if emulators.get(path.rpartition("/")[0], token) == ALLOWED:
        may += "L"
    assert emulators.delete(path, OWNER) == ALLOWED
    if emulators.patch(path, token, note="mine") == ALLOWED:
        may += "C"
    _put(emulators, path, uids)
    if emulators.patch(path, token, "note", note="changed") == ALLOWED:
        may += "U"
    elif emulators.patch(path, token, "read", read=True) == ALLOWED:
        may += "u"
    _put(emulators, path, uids)
    if emulators.delete(path, token) == ALLOWED:
        may += "D"
    _put(emulators, path, uids)
    return may or "-"
