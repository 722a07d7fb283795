"""Prescriptions: the backend writes, amends, revokes and deletes them; some commit late."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from shared import ids, settings
from shared.repair.canary import is_canary
from tests.memory.files import BUCKET
from tests.simulation import telling
from tests.simulation.chain import Chain, Finding, Operation
from tests.simulation.chains.users import is_erased, uid_of
from tests.simulation.faults import PLANTED
from tests.simulation.search import search_of

if TYPE_CHECKING:
    from tests.simulation.world import World

Row = dict[str, Any]

NEW, OLD = "2126-05-01T10:00:00.000Z", "2020-05-01T10:00:00.000Z"  # an old paper is no news
_COPIED = ("copy_prescription_pdf",)
_MIRRORED = (*_COPIED, "mirror_prescription")
_INDEXED = (*_MIRRORED, "index_prescription")


def _prescribe(world: World, number: int, value: int) -> None:
    """Write a prescription for a patient core knows, or amend it; the patient stays the same."""
    key, core = _present(world, number), world.to.memory_core
    known = core.prescription_rows.get(key)
    user_id = known["user_id"] if known else patient_of(world, number)
    if user_id is not None:
        core.put_prescription(key, user_id, **_columns(world, key, value))
        telling.note(world, ("prescription", key), repr(core.prescription_rows[key]["summary"]))


def _delete(world: World, number: int, value: int) -> None:
    key = _present(world, number)
    if key in world.to.memory_core.prescription_rows:
        world.to.memory_core.delete_prescription(key)
        _deleted(world).setdefault(number, []).append(key)


def _revoke(world: World, number: int, value: int) -> None:
    """Revoke a prescription, or take the revocation back."""
    key, core = _present(world, number), world.to.memory_core
    row = core.prescription_rows.get(key)
    if row is None:
        return
    if row.get("status") != "REVOKED":
        core.put_prescription(key, row["user_id"], status="REVOKED")
        _revoked(world)[key] = world.now
        telling.note(world, ("prescription", key), "revoked")
    elif value % 3 == 0:
        core.put_prescription(key, row["user_id"], status="ACTIVE")
        del _revoked(world)[key]
        telling.note(world, ("prescription", key), repr(row["summary"]))


def _begin(world: World, number: int, value: int) -> None:
    """A transaction draws its version now and commits later: others overtake it."""
    world.notes.setdefault("open", {}).setdefault(number, world.to.memory_core.next_version())


def _commit(world: World, number: int, value: int) -> None:
    core, user_id = world.to.memory_core, patient_of(world, number)
    version = world.notes.setdefault("open", {}).pop(number, None)
    if version is not None and user_id is not None:
        key = f"slow-{version}"
        blank = {"id": key, "created_at": NEW, "user_id": user_id}
        core.prescription_rows[key] = blank | _columns(world, key, value)
        telling.note(world, ("prescription", key), repr(core.prescription_rows[key]["summary"]))
        core.outbox.note("prescription", key, version)


def _link(world: World, person: int, value: int) -> None:
    """The front desk finds that a walk-in is somebody with an account that core does not know."""
    core, uid = world.to.memory_core, uid_of(world, person)
    user = core.user_rows.get(f"walk-in-{person}")
    known = uid not in world.to.firebase.account_rows or core.user_by_uid(uid)
    if user and user["firebase_uid"] is None and user["phone"] and not known:
        core.put_user(user["id"], firebase_uid=uid)


def _present(world: World, number: int) -> str:
    deleted, generation = _deleted(world).get(number, []), 0
    while True:
        key = f"prescription-{number}-{generation}"
        if key not in deleted and not is_erased(world, key, "prescription"):
            return key
        generation += 1


def _deleted(world: World) -> dict[int, list[str]]:
    return world.notes.setdefault("deleted prescriptions", {})


def _revoked(world: World) -> dict[str, float]:
    """Return since when a prescription is revoked."""
    return world.notes.setdefault("revoked", {})


def patient_of(world: World, number: int) -> str | None:
    """
    Return the user id of a patient whom core knows, with or without sign-in. Nobody treats what is
    kept of an erased one, which has neither sign-in nor contact.
    """
    core = world.to.memory_core
    user = core.user_by_uid(uid_of(world, number))
    user = user or core.user_rows.get(f"walk-in-{number}")
    known = user and (user["firebase_uid"] or user["phone"]) and user["id"] in core.patient_rows
    return user["id"] if user and known else None


def _columns(world: World, key: str, value: int) -> Row:
    edit = world.notes["edit"] = world.notes.get("edit", 0) + 1
    medicines = [{"name": f"{PLANTED}ol {n}", "duration_days": 5} for n in range(value % 12)]
    notes = f"{PLANTED} advice. " * (value % 90)  # from one chunk to several
    diagnosis = f"{PLANTED} case {edit}"
    summary = {"diagnosis": diagnosis, "notes": notes, "medications": medicines, "of": key}
    url = f"s3://{'elsewhere' if value % 17 == 0 else BUCKET}/{key}.pdf"
    if value % 5:  # else there is no file
        world.to.pdfs.pdfs[url] = f"%PDF {edit}".encode()
    known = world.to.memory_core.prescription_rows.get(
        key, {"created_at": (NEW, OLD)[value % 4 == 0]}
    )
    pdf = url if value % 7 else None
    return {"pdf_url": pdf, "summary": summary, "created_at": known["created_at"]}


def _findings(world: World) -> Iterator[Finding]:
    for key, row in world.to.memory_core.prescription_rows.items():
        if is_canary(key):
            continue
        at = ("prescription", key)
        if len(_mirrors(world, key)) > 1:
            yield Finding(at, "mirrored twice", law="duplicate_effects")
        if row.get("status") == "REVOKED":
            yield from _hidden(world, key, "revoked", _mirrors(world, key))
        else:
            lasting = frozenset({"pdf_bucket_not_allowed"} if _is_elsewhere(row) else ())
            yield from (replace(found, lasting=lasting) for found in _of(world, key, row))
    for key in [key for keys in _deleted(world).values() for key in keys]:
        yield from _hidden(world, key, "deleted", _mirrors(world, key))
        if _mirrors(world, key):
            yield Finding(("prescription", key), "deleted, and in Supabase", steps=_MIRRORED)
    yield from _announced_late(world)


def _announced_late(world: World) -> Iterator[Finding]:
    """A call that began after a revocation lays no note that leads to what was revoked."""
    for path, entity, began in world.noted:
        if path in world.linked and _was_revoked(world, entity, began):
            yield Finding(entity, "told after it was revoked", law="unsafe_order")


def _was_revoked(world: World, entity: tuple[str, str], when: float) -> bool:
    return entity[0] == "prescription" and when > _revoked(world).get(entity[1], when)


def _is_elsewhere(row: Row) -> bool:
    return (row["pdf_url"] or "").startswith("s3://elsewhere/")


def _hidden(world: World, key: str, why: str, mirrors: list[Row]) -> Iterator[Finding]:
    """See that a prescription that holds no more is shown nowhere."""
    at, steps = ("prescription", key), _INDEXED
    chunks = [
        at for at in world.to.memory_supabase.chunk_rows if at[0] in {m["id"] for m in mirrors}
    ]
    if any(not mirror["revoked"] for mirror in mirrors):
        yield Finding(at, f"{why}, and still shown", law="unsafe_order", steps=steps)
    if chunks:
        yield Finding(at, f"{why}, and still found", law="unsafe_order", steps=steps)
    if _files(world, key):
        yield Finding(at, f"{why}, and its file still there", law="unsafe_order", steps=steps)


def _mirrors(world: World, key: str) -> list[Row]:
    """Return the documents that show a prescription, whatever their ids."""
    rows = [r for r in world.to.memory_supabase.document_rows.values() if r["origin"] == "core"]
    return [row for row in rows if row["structured_json"].get("of") == key]


def _files(world: World, key: str) -> dict[str, bytes]:
    files = world.to.files.files.items()
    return {path: content for path, content in files if path.endswith(f"/{key}.pdf")}


def _of(world: World, key: str, source: Row) -> Iterator[Finding]:
    at, core = ("prescription", key), world.to.memory_core
    uid = core.user_rows[source["user_id"]]["firebase_uid"]
    if uid is None:
        return
    # A sign-in that came later changes no prescription: nothing announces it.
    steps = [core.ledger_rows.get((*at, step)) for step in _MIRRORED]
    linked = any(row and row.error_code == "patient_without_sign_in" for row in steps)
    content = world.to.pdfs.pdfs.get(source["pdf_url"])
    home = ids.folder(world.to.files.bucket, uid)
    path = f"{home}prescriptions/{key}.pdf" if content is not None else None
    if _files(world, key) != ({path: content} if path else {}):
        yield Finding(at, "file in Storage", steps=_COPIED, excused=linked)
    document_id = ids.prescription_document_id(settings.id_namespace(), key)
    mirror = world.to.memory_supabase.document_rows.get(document_id)
    if mirror is None:
        yield Finding(at, "not in Supabase", steps=_MIRRORED, excused=linked)
        return
    wanted = {"patient_id": uid, "file_url": path, "type": "prescription", "revoked": False}
    wanted |= {"structured_json": source["summary"], "ocr_confidence": 1.0}
    for name, value in wanted.items():
        if mirror[name] != value:
            yield Finding(at, f"{name} in Supabase", steps=_MIRRORED, excused=linked)
    if source["summary"]["diagnosis"] not in mirror["text"]:
        yield Finding(at, "text in Supabase", steps=_MIRRORED, excused=linked)
    yield from (Finding(at, w, steps=_INDEXED, excused=linked) for w in search_of(world, mirror))
    for found in telling.finally_told(
        world, at, uid, repr(source["summary"]), (*_INDEXED, telling.STEP[at[0]])
    ):
        yield replace(found, excused=linked)


def _number_of(key: str) -> int | None:
    name, number, *_ = key.split("-")
    return int(number) if name == "prescription" else None


CHAIN = Chain(
    name="prescriptions",
    kind="prescription",
    number_of=_number_of,
    operations={
        "prescribe": Operation(6, _prescribe),
        "revoke": Operation(2, _revoke),
        "delete_prescription": Operation(2, _delete),
        "begin_slow": Operation(1, _begin),
        "commit_slow": Operation(1, _commit),
        "link_walk_in": Operation(1, _link),
    },
    findings=_findings,
)
