"""Erasure: of deleted accounts, and by an operator's order; whatever comes late, nobody is back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from shared import ids, settings
from tests.memory import core_erasing
from tests.memory.place import alias
from tests.simulation.chain import Chain, Finding, Operation
from tests.simulation.chains.users import deleted, uid_of

if TYPE_CHECKING:
    from tests.simulation.world import World

_STEPS = ("erase_supabase", "erase_firebase", "erase_core", "certify_erasure")


def _order(world: World, person: int, value: int) -> None:
    """An operator orders the erasure of somebody who has an account; it goes with the rest."""
    uid = uid_of(world, person)
    if uid in world.to.firebase.account_rows:
        _, state = world.to.core_erasures.order(uid, "operator-1")
        if state == "ordered":
            deleted(world).setdefault(person, []).append(uid)


def _findings(world: World) -> Iterator[Finding]:
    core = world.to.memory_core
    for uid in [uid for uids in deleted(world).values() for uid in uids]:
        row = core.erasure_rows.get(alias("user", uid))
        refused, user = core.ledger_rows.get(("user", uid, "bury_user")), core.user_by_uid(uid)
        if refused and refused.error_code == "account_is_no_patient":
            continue
        if world.repaired and row is None and user and user["role"] != "PATIENT":
            continue  # an order is refused, too
        if row is None or row["state"] != "certified":
            # Not an erased patient yet, and in the end there must be a reason.
            # One that core never knew, and that left nothing but in the findings of a run, which
            # are purged with the run, has nothing to erase.
            lost = ("deletion", uid) in world.unannounced
            if row is not None:
                at = ("erasure", alias("user", uid))
                yield Finding(at, "deleted, and not erased", steps=_STEPS)
            elif not lost or set(_left(world, uid)) - {"in core's findings"}:
                at = ("user", uid)
                yield Finding(at, "deleted, and not erased", steps=("bury_user",), excused=lost)
            continue
        for what in _left(world, uid):
            yield Finding(("user", uid), f"erased, and still {what}", law="resurrected")
    for path in world.to.firebase.documents:
        _, shown, key = path.partition("/appointments/")
        erasure = core.tombstones.get(alias("appointment", key))
        if shown and erasure and core.erasure_rows[erasure]["state"] == "certified":
            yield Finding(("appointment", key), "erased, and still shown", law="resurrected")


def _left(world: World, uid: str) -> Iterator[str]:
    """Look into every place for what is left of an erased patient."""
    to, namespace = world.to, settings.id_namespace()
    core, user = to.memory_core, to.memory_core.user_by_uid(uid)
    ordered = core.erasure_rows.get(alias("user", uid), {})
    user_id = ordered.get("user_id") or (user["id"] if user else None)
    for table in core_erasing.rows_about(core, uid, user_id):
        if table not in {
            "outbox",
            "ledger",
            "journal",
        }:  # their word of a late event is the alias's
            yield f"in core's {table}"
    if to.memory_supabase.auth_users.get(ids.user_id(namespace, uid)):
        yield "a user of Supabase"
    if any(row["patient_id"] == uid for row in to.memory_supabase.document_rows.values()):
        yield "in Supabase's documents"
    if any(row["patient_id"] == uid for row in to.memory_supabase.chunk_rows.values()):
        yield "found by search"
    if f"doctors/{uid}" in to.firebase.documents:
        yield "a doctor in Firestore"
    if any(
        path == f"users/{uid}" or path.startswith(f"users/{uid}/") for path in to.firebase.documents
    ):
        yield "in Firestore"
    if any(f"/{uid}/" in path for path in to.files.files):
        yield "in Storage"
    if uid in to.firebase.account_rows:
        yield "an account"


CHAIN = Chain(
    name="erasure",
    kind="erasure",
    number_of=lambda key: None,
    operations={"order_erasure": Operation(1, _order)},
    findings=_findings,
)
