"""
What happens to accounts and profiles later: a new phone, an edited profile, a doctor, and a contact
that two people claim, which an operator decides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import httpx

from infra.local.demo.apps import Backend, PatientApp
from infra.local.demo.people import Person
from infra.local.toolchain import say
from shared.stores.core import CoreDatabase
from shared.stores.core_conflicts import CoreConflicts

_TYPED_IN = "typed-in-at-the-desk"
_NEW_PHONE = "+919600000001"


def type_in(backend: Backend, patients: Sequence[Person]) -> None:
    """Let the front desk type in the last patient's contact, before the patient signs up."""
    person = patients[-1]
    backend.type_in(_TYPED_IN, person.phone, None if person.phone else person.email)


def change(app: PatientApp, patients: Sequence[Person], uids: Sequence[str]) -> None:
    """Change the first patient's phone and profile, and sign a doctor up."""
    first, last = patients[0], patients[-1]
    if first.phone and first is not last:
        token = app.change_phone(first.phone, _NEW_PHONE)
        edited = {k: v for k, v in first.profile.items() if k not in {"allergies", "conditions"}}
        app.write_profile(uids[0], token, {"uid": uids[0], **edited, "lastName": "Renamed"})
    doctor = {"firstName": "Demo", "lastName": "Newcomer", "licenseNo": "DEMO-1"}
    app.sign_up_doctor("newcomer@example.com", doctor)


def decide(stack: Mapping[str, Any]) -> int:
    """Show the open conflicts and give each contact to the account; return how many there were."""
    core = CoreDatabase(stack["core_dsn"])
    conflicts = CoreConflicts(core).open()
    core.close()
    for conflict in conflicts:
        say(
            f"conflict {conflict.id}: a user whom the front desk typed in holds the"
            f" {conflict.field} of an account; the operator gives it to the account"
        )
        body = {"conflict": conflict.id, "decision": "give_to_this", "operator": "demo"}
        httpx.post(f"{stack['steps_url']}/decide_conflict", json=body).raise_for_status()
    return len(conflicts)
