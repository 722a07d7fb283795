"""Stores that agree: two patients, three documents, two prescriptions and a doctor."""

from __future__ import annotations

from shared.repair.projections import PROJECTIONS
from tests.contract.drifts import DOC, MEDICINE, PROFILE
from tests.contract.memory_stores import Stores

NAMES = tuple(PROJECTIONS)


def bring_into_agreement(to: Stores) -> None:
    """Fill empty stores by the ordinary chains."""
    to.sign_up("u1", email="asha@example.com", phone="+919811122233")
    to.sign_up("u2", phone="+919811122234", verified=False)
    to.reconcile("users")
    to.run()
    to.upload(DOC[0], "u1", MEDICINE)
    to.upload(DOC[1], "u1", '{"medications": [{"name": "Testamol", "strength": "2.50 mg"}]}')
    to.upload(DOC[2], "u2", kind=" Report ")
    to.prescribe("rx1", "u1", diagnosis="rest", follow_up_days=7.0)
    to.prescribe("rx2", "u2")
    to.firebase.write_profile("u1", **PROFILE)
    to.sign_up("d1", email="doctor@example.com")
    to.firebase.write_profile("d1", "doctors", firstName="Demo", lastName="Physician")
    for name in ("users", "profiles", "doctors"):
        to.reconcile(name)
        to.run()
    assert to.unfinished() == []


def drift(to: Stores, name: str) -> set[tuple[str, str, str | None, bool]]:
    """Run one comparison; return its findings as (class, key, code, repaired)."""
    _, found = to.reconcile(name)
    return {(f.class_, f.key, f.code, f.repaired) for f in found}
