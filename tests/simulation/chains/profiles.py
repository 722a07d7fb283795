"""Profiles: patients write theirs in Firestore, the back office those of doctors."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from shared.people.profile_reading import read_profile
from shared.stores.core_profiles import COLUMNS
from tests.simulation.chain import Chain, Finding, Operation
from tests.simulation.chains.users import in_conflict, uid_of
from tests.simulation.faults import PLANTED

if TYPE_CHECKING:
    from tests.simulation.world import World

_STEP = ("store_user", "store_profile")
_DOCTOR = ("store_user", "store_doctor")
_UNNAMED = frozenset({"doctor_name_missing"})


def _write(world: World, person: int, value: int) -> None:
    """The app writes the whole profile: its devices and consents with it."""
    uid = uid_of(world, person)
    if uid not in world.to.firebase.account_rows:
        return
    fields: dict[str, Any] = _name(world, value)
    if value % 4:
        fields |= {"allergies": [f"{PLANTED} dust {value}"], "dob": "1990-05-13"}
    if value % 3:
        fields["consentNotifications"] = True
    if value % 5:
        fields |= {"fcmToken": device(uid, value % 2), "fcmTokens": [device(uid, value % 3)]}
    world.to.firebase.write_profile(uid, **fields)


def _name(world: World, value: int) -> dict[str, str]:
    edit = world.notes["edit"] = world.notes.get("edit", 0) + 1
    if value % 7 == 0:
        return {}
    if value % 2:
        return {"name": f"{PLANTED} Person {edit}"}
    return {"firstName": PLANTED, "lastName": f"Person {edit}"}


def device(uid: str, number: int) -> str:
    """Return a registration token of one of a patient's devices."""
    return f"device-{number}-of-{uid}"


def _delete(world: World, person: int, value: int) -> None:
    uid = uid_of(world, person)
    if f"users/{uid}" in world.to.firebase.documents:
        world.to.firebase.delete_profile(uid)


def _write_doctor(world: World, person: int, value: int) -> None:
    uid = uid_of(world, person)
    if uid in world.to.firebase.account_rows:
        fields = _name(world, value) | {"licenseNo": f"KMC-{value}", "specialization": "ENT"}
        world.to.firebase.write_profile(uid, "doctors", **fields)


def _profile(world: World, collection: str, uid: str) -> dict[str, Any] | None:
    return world.to.firebase.document(f"{collection}/{uid}")


def _findings(world: World) -> Iterator[Finding]:
    for uid in world.to.firebase.account_rows:
        user = world.to.memory_core.user_by_uid(uid)
        if user is not None:
            yield from _patient(world, uid, user)
            yield from _doctor(world, uid, user)


def _patient(world: World, uid: str, user: dict[str, Any]) -> Iterator[Finding]:
    at, core = ("user", uid), world.to.memory_core
    row = core.ledger_rows.get((*at, "store_profile"))
    # A profile read while its owner was no patient: that one became one, nothing announces.
    excused = ("profile", uid) in world.unannounced or (
        row is not None and row.error_code == "user_is_no_patient"
    )
    patient = core.patient_rows.get(user["id"])
    fields = _profile(world, "users", uid)
    if user["role"] != "PATIENT" or patient is None:
        return
    if uid in world.notes.get("roles changed", ()):
        excused = True
    wanted = read_profile(fields or {}, datetime.now(UTC).date())
    for name in COLUMNS:
        if patient.get(name) != getattr(wanted, name):
            yield Finding(at, f"{name} in core's patient", steps=_STEP, excused=excused)
    if wanted.language and core.languages.get(user["id"]) != wanted.language:
        yield Finding(at, "language in core", steps=_STEP, excused=excused)


def _doctor(world: World, uid: str, user: dict[str, Any]) -> Iterator[Finding]:
    at, core = ("user", uid), world.to.memory_core
    fields = _profile(world, "doctors", uid)
    if fields is None or in_conflict(world, uid, "store_doctor", "role"):
        return
    changed = uid in world.notes.get("roles changed", ())
    excused = ("doctor", uid) in world.unannounced or changed
    if "name" not in fields and "firstName" not in fields:
        yield Finding(at, "doctor without name", steps=_DOCTOR, lasting=_UNNAMED, excused=excused)
        return
    if changed and user["role"] != "DOCTOR":
        return  # the backend has decided so since
    row = core.doctor_rows.get(user["id"])
    if user["role"] != "DOCTOR" or row is None:
        yield Finding(at, "no doctor in core", steps=_DOCTOR, excused=excused)
        return
    name = fields.get("name") or f"{fields['firstName']} {fields['lastName']}"
    if f"{row['first_name']} {row['last_name']}" != name:
        yield Finding(at, "the doctor's name in core", steps=_DOCTOR, excused=excused)


CHAIN = Chain(
    name="profiles",
    kind="profile",
    number_of=lambda key: None,
    operations={
        "write_profile": Operation(4, _write),
        "delete_profile": Operation(1, _delete),
        "write_doctor": Operation(1, _write_doctor),
    },
    findings=_findings,
)
