"""Users: people sign up, change contacts, leave; the backend changes roles and has walk-ins."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from shared import ids, settings
from shared.events import Event, Ref, new_traceparent
from shared.models.users import Account
from shared.people import contacts
from shared.repair.canary import is_canary
from tests.memory.core import digits
from tests.memory.place import alias
from tests.simulation.chain import Chain, Finding, Operation

if TYPE_CHECKING:
    from shared.models.users import AuthUser
    from tests.simulation.world import World

_SLOTS = 5  # contacts are few, so that people want each other's
_STORED = ("store_user",)
_MIRRORED = ("store_user", "mirror_user")
_ADMITTED = ("store_user", "mirror_user", "admit_user")


def uid_of(world: World, person: int) -> str:
    """Return the uid of the person's present account: a new one after each deletion."""
    return f"uidplanted{person}of{len(deleted(world).get(person, []))}"


def is_erased(world: World, key: str, kind: str) -> bool:
    """Tell whether an entity was an erased patient's: its key is not given again."""
    return alias(kind, key) in world.to.memory_core.tombstones


def deleted(world: World) -> dict[int, list[str]]:
    """Return the uids of deleted accounts, by person."""
    return world.notes.setdefault("deleted accounts", {})


def phone(slot: int) -> str:
    """Return one of few phones."""
    return f"+9198765432{slot % _SLOTS:02}"


def _email(slot: int) -> str:
    return f"plantedmail{slot % _SLOTS}@example.com"


def _sign_up(world: World, person: int, value: int) -> None:
    uid = uid_of(world, person)
    if uid not in world.to.firebase.account_rows:
        _write_account(world, uid, value)
        world.trigger("created", uid)


def _change_account(world: World, person: int, value: int) -> None:
    """Change an account. No trigger tells: half of the time reconciliation has just seen it."""
    uid = uid_of(world, person)
    if uid in world.to.firebase.account_rows:
        _write_account(world, uid, value)
        world.unannounced.add(("user", uid))
        if value % 2:
            _announce(world, [uid])
            world.unannounced.discard(("user", uid))


def _write_account(world: World, uid: str, value: int) -> None:
    """Write an account whose contacts no other account has: Firebase sees to that."""
    others = [a for a in world.to.firebase.account_rows.values() if a.uid != uid]
    wanted: dict[str, Any] = {"email": _email(value // 7), "phone": phone(value // 3)}
    if value % 5 != 0:
        del wanted["email" if value % 5 < 3 else "phone"]
    free = {
        name: contact
        for name, contact in wanted.items()
        if all(getattr(other, name) != contact for other in others)
    }
    world.to.firebase.sign_up(uid, **free, verified=value % 3 > 0)


def _delete_account(world: World, person: int, value: int) -> None:
    uid = uid_of(world, person)
    if uid in world.to.firebase.account_rows:
        world.to.firebase.delete(uid)
        deleted(world).setdefault(person, []).append(uid)
        world.trigger("deleted", uid)


def _change_role(world: World, person: int, value: int) -> None:
    user = world.to.memory_core.user_by_uid(uid_of(world, person))
    if user:
        role = ("PATIENT", "DOCTOR", "STAFF")[value % 3]
        world.to.memory_core.put_user(user["id"], role=role)
        if role == "PATIENT" and user["id"] not in world.to.memory_core.patient_rows:
            world.to.memory_core.put_patient(user["id"], f"patient-of-{user['id']}")
        world.notes.setdefault("roles changed", set()).add(user["firebase_uid"])


def _walk_in(world: World, person: int, value: int) -> None:
    """The front desk writes down somebody without a sign-in, the phone in its own spelling."""
    core = world.to.memory_core
    spelt = phone(value).replace("+91", "91 ")
    known = core.user_rows.get(f"walk-in-{person}")
    if known and (known["firebase_uid"] or not known["phone"]):
        return  # has a sign-in by now: contacts are Firebase's; or is kept without a person
    if all(digits(user["phone"]) != digits(spelt) for user in core.user_rows.values()):
        core.put_user(f"walk-in-{person}", phone=spelt)
        core.put_patient(f"walk-in-{person}", f"patient-of-walk-in-{person}")


def _announce(world: World, uids: list[str]) -> None:
    refs = tuple(Ref("user", uid) for uid in uids)
    world.to.publish([Event("user-changed", refs, new_traceparent())])


def _findings(world: World) -> Iterator[Finding]:
    yield from _twice(world)
    for uid, account in world.to.firebase.account_rows.items():
        yield from _of(world, uid, account)


def _of(world: World, uid: str, account: Account) -> Iterator[Finding]:
    # The next run of the canary announces again an account whose first word was lost.
    at, excused = ("user", uid), ("user", uid) in world.unannounced or is_canary(uid)
    user = world.to.memory_core.user_by_uid(uid)
    if user is None:
        yield Finding(at, "not in core", steps=_STORED, excused=excused)
        return
    for name in ("email", "phone"):
        if user[name] != getattr(account, name) and not _clashes(world, user, account, name):
            yield Finding(at, f"{name} in core", steps=_STORED, excused=excused)
    if user["verified"] != account.verified:
        yield Finding(at, "verified in core", steps=_STORED, excused=excused)
    if user["role"] == "PATIENT" and user["id"] not in world.to.memory_core.patient_rows:
        yield Finding(at, "no patient row", steps=_STORED, excused=excused)
    steps = (*_MIRRORED, "store_doctor")  # which gives the role, too
    yield from (Finding(at, what, steps=steps) for what in _mirror(world, user))
    if account.claims.get("role") != "authenticated":
        yield Finding(at, "not admitted", steps=_ADMITTED)


def _clashes(world: World, user: dict[str, Any], account: Account, name: str) -> bool:
    """Tell whether core's contact is withheld for a person to decide, and rightly so."""
    core = world.to.memory_core
    if not in_conflict(world, account.uid, "store_user", name):
        return False
    normal = digits if name == "phone" else contacts.email
    held = [normal(row[name]) for row in core.user_rows.values() if row is not user]
    return not world.repaired or normal(getattr(account, name)) in held


def in_conflict(world: World, uid: str, step: str, name: str) -> bool:
    """
    Tell whether a person has this to decide, or has decided that it stays; one that was merely put
    aside comes back with the next word of it.
    """
    core, at = world.to.memory_core, ("user", uid, step, name)
    closed = {"keep_other"} if world.repaired else {"keep_other", "dismissed"}
    made = {c["resolution"] for c in core.all_conflicts if c["at"] == at}
    return at in core.open_conflicts or bool(made & closed)


def _mirror(world: World, user: dict[str, Any]) -> Iterator[str]:
    """Compare a core user with its Supabase user. GoTrue cannot clear a contact: core's None is
    no disagreement."""
    uid = user["firebase_uid"]
    mirror_id = ids.user_id(settings.id_namespace(), uid)
    mirror = world.to.memory_supabase.auth_users.get(mirror_id)
    normal = {
        "email": contacts.email(user["email"]),
        "phone": contacts.supabase_phone(contacts.phone(user["phone"])),
    }
    wanted = {
        name: value
        for name, value in normal.items()
        if value and not _held(world, uid, mirror_id, name, value)
    }
    if mirror is None:
        if wanted:
            yield "not in Supabase"
        return
    for name, value in wanted.items():
        if getattr(mirror, name) != value:
            yield f"{name} in Supabase"
    if user["verified"] and mirror.email and "email" in wanted and not mirror.email_confirmed:
        yield "e-mail not confirmed in Supabase"
    yield from _metadata(user, mirror)


def _metadata(user: dict[str, Any], mirror: AuthUser) -> Iterator[str]:
    known = {
        "firebase_uid": user["firebase_uid"],
        "postgres_id": user["id"],
        "role": user["role"],
    }
    for name, value in known.items():
        if mirror.app_metadata.get(name) != value or mirror.user_metadata.get(name) != value:
            yield f"{name} in Supabase's metadata"


def _held(world: World, uid: str, mirror_id: str, name: str, value: str) -> bool:
    if not in_conflict(world, uid, "mirror_user", name):
        return False
    others = [u for u in world.to.memory_supabase.auth_users.values() if u.id != mirror_id]
    return not world.repaired or any(getattr(other, name) == value for other in others)


def _twice(world: World) -> Iterator[Finding]:
    users = world.to.memory_core.user_rows.values()
    mirrors = world.to.memory_supabase.auth_users.values()
    for where, uids in (
        ("core", [user["firebase_uid"] for user in users]),
        ("Supabase", [mirror.app_metadata.get("firebase_uid") for mirror in mirrors]),
    ):
        for uid, count in Counter(uids).items():
            if uid and count > 1:
                yield Finding(("user", uid), f"twice in {where}", law="duplicate_effects")


def _number_of(uid: str) -> int | None:
    found = re.match(r"uidplanted(\d+)of", uid)
    return int(found[1]) if found else None


CHAIN = Chain(
    name="users",
    kind="user",
    number_of=_number_of,
    operations={
        "sign_up": Operation(6, _sign_up),
        "change_account": Operation(4, _change_account),
        "change_role": Operation(2, _change_role),
        "delete_account": Operation(1, _delete_account),
        "walk_in": Operation(1, _walk_in),
    },
    findings=_findings,
)
