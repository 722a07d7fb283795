"""Appointments: the backend books, moves, cancels and deletes them; doctors get sign-ins."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from tests.memory.core import APPOINTMENT
from tests.simulation import telling
from tests.simulation.chain import Chain, Finding, Operation
from tests.simulation.chains.prescriptions import patient_of
from tests.simulation.chains.users import is_erased

if TYPE_CHECKING:
    from tests.simulation.world import World

_STEP = ("show_appointment",)
_STATUS = ("CONFIRMED", "CONFIRMED", "RESCHEDULED", "CANCELLED", "HOLD", "COMPLETED")
_AHEAD, _PAST = APPOINTMENT["start"], datetime(2020, 5, 1, 10, tzinfo=UTC)


def _book(world: World, number: int, value: int) -> None:
    """Book an appointment for a patient core knows, or change one; the patient stays the same."""
    key, core = _present(world, number), world.to.memory_core
    known = core.appointment_rows.get(key)
    user_id = known["user_id"] if known else patient_of(world, number)
    if user_id is not None:
        start = (_PAST if value % 11 == 0 else _AHEAD) + timedelta(hours=value % 4)
        columns = {"start": start, "end": start + timedelta(minutes=15)}
        status, doctor = _STATUS[value % len(_STATUS)], f"doctor-{value % 2}"
        core.put_appointment(key, user_id, status=status, doctor_id=doctor, **columns)
        telling.note(world, ("appointment", key), _seen(core.appointment_rows[key]))


def _check_in(world: World, number: int, value: int) -> None:
    key, core = _present(world, number), world.to.memory_core
    if row := core.appointment_rows.get(key):
        core.put_appointment(key, row["user_id"], checked_in_at=_AHEAD + timedelta(seconds=value))


def _delete(world: World, number: int, value: int) -> None:
    key, core = _present(world, number), world.to.memory_core
    if key in core.appointment_rows:
        core.delete_appointment(key)
        _deleted(world).setdefault(number, []).append(key)


def _sign_doctor_in(world: World, number: int, value: int) -> None:
    world.to.memory_core.sign_doctor_in(f"doctor-{value % 2}", f"uid-of-doctor-{value % 3}")


def _present(world: World, number: int) -> str:
    deleted, generation = _deleted(world).get(number, []), 0
    while True:
        key = f"visit-{number}-{generation}"
        if key not in deleted and not is_erased(world, key, "appointment"):
            return key
        generation += 1


def _deleted(world: World) -> dict[int, list[str]]:
    return world.notes.setdefault("deleted appointments", {})


def _seen(row: dict[str, Any]) -> str:
    """Return the appointment as its patient would put it, "" for none."""
    if row["status"] in {"CANCELLED", "HOLD"}:
        return ""
    return f"{row['start']:%Y-%m-%dT%H:%M:%SZ} {row['doctor_id']}"


def _findings(world: World) -> Iterator[Finding]:
    shown = {
        path: fields
        for prefix in ("doctors/", "users/")
        for path, fields in world.to.firebase.under(prefix).items()
        if "/appointments/" in path
    }
    core = world.to.memory_core
    for key, row in core.appointment_rows.items():
        at, uid = ("appointment", key), core.user_rows[row["user_id"]]["firebase_uid"]
        places = [f"doctors/{row['doctor_id']}", *([f"users/{uid}"] if uid else [])]
        for place in places:
            copy = shown.pop(f"{place}/appointments/{key}", None)
            if copy is None:
                yield Finding(at, f"not shown in {place.split('/')[0]}", steps=_STEP)
            elif _differs(copy, row):
                yield Finding(at, f"shown otherwise in {place.split('/')[0]}", steps=_STEP)
        doctor = world.to.firebase.document(f"doctors/{row['doctor_id']}") or {}
        if doctor.get("uid") != core.doctor_uids.get(row["doctor_id"]):
            yield Finding(at, "another sign-in may read it as its doctor", steps=_STEP)
        if uid is not None:
            yield from telling.finally_told(
                world, at, uid, _seen(row), (*_STEP, telling.STEP[at[0]])
            )
    for path in shown:
        at = ("appointment", path.rsplit("/", 1)[1])
        law = "agreement" if at[1] in core.appointment_rows else "unsafe_order"
        yield Finding(at, "shown where it is not", law=law, steps=_STEP)


def _differs(copy: dict[str, Any], row: dict[str, Any]) -> bool:
    names = {"startTs": "start", "endTs": "end", "status": "status", "doctorId": "doctor_id",
             "checkedInAt": "checked_in_at"}  # fmt: skip
    return any(copy[name] != row[column] for name, column in names.items())


def _number_of(key: str) -> int:
    return int(key.split("-")[1])


CHAIN = Chain(
    name="appointments",
    kind="appointment",
    number_of=_number_of,
    operations={
        "book": Operation(5, _book),
        "check_in": Operation(1, _check_in),
        "delete_appointment": Operation(1, _delete),
        "sign_doctor_in": Operation(1, _sign_doctor_in),
    },
    findings=_findings,
)
