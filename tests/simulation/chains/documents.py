"""Documents: the edge function inserts, corrects and deletes uploads; patients set reminders."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from uuid import UUID

from tests.simulation import telling
from tests.simulation.chain import Chain, Finding, Operation
from tests.simulation.chains.users import is_erased, uid_of
from tests.simulation.faults import PLANTED
from tests.simulation.search import search_of

if TYPE_CHECKING:
    from tests.simulation.world import World

Row = dict[str, Any]

NEW, OLD = "2126-05-01T10:00:00+00:00", "2020-05-01T10:00:00+00:00"  # an old paper is no news
_NUMBERS = 1000  # of documents at one time
_STEP = ("store_document",)
_UNREADABLE = {None: "document_type_missing", "mystery": "document_type_unknown"}
_TYPES = ("prescription", "LAB", "Report", "lab_report", "prescription", "LAB", *_UNREADABLE)


def _id(world: World, number: int) -> str:
    """
    Return the id of the present document of this number: a new one after each deletion, and after
    an erasure that has come as far as Supabase. No id is given twice.
    """
    used, there = world.notes.setdefault("document ids", set()), world.to.memory_supabase
    generation = 0
    while (key := str(UUID(int=_NUMBERS * generation + number + 1))) in used:
        if key in there.document_rows and not is_erased(world, key, "document"):
            break
        generation += 1
    return key


def _number_of(key: str) -> int:
    return UUID(key).int % _NUMBERS - 1


def _row(world: World, number: int, value: int) -> Row:
    """Return a document's columns; each is unlike all before it."""
    edit = world.notes["edit"] = world.notes.get("edit", 0) + 1
    medicines = [_medicine(value + place, place) for place in range(value % 4)]
    structured: Any = {"medications": medicines, "note": f"{PLANTED} note {edit}"}
    known = world.to.memory_supabase.document_rows.get(_id(world, number))
    owner = known["patient_id"] if known else uid_of(world, number % 4)
    world.notes["document ids"].add(_id(world, number))
    telling.note(world, ("document", _id(world, number)), str(edit))
    path = f"{world.to.files.bucket}/{owner}/{_id(world, number)}.jpg"
    if value % 6:
        world.to.files.files[path] = b"a scan"
    return {
        "id": _id(world, number),
        "patient_id": owner,
        "type": _TYPES[value % len(_TYPES)],
        "file_url": path if value % 6 else known and known["file_url"],
        "text": f"{PLANTED} text {edit}",
        "structured_json": json.dumps(structured) if value % 5 == 0 else structured,
        "ocr_confidence": value / 1000,
        "created_at": known["created_at"] if known else (NEW, OLD)[value % 4 == 0],
    }


def _medicine(value: int, place: int) -> Row:
    frequency = ("1-0-1", "TDS", "BD")[value % 3]
    name = f"{PLANTED}ol {'ABCDEF'[(value + place) % 6]}"
    return {"name": name, "strength": "500 mg", "frequency": frequency, "duration_days": 5}


def _upload(world: World, number: int, value: int) -> None:
    world.to.memory_supabase.upload(_row(world, number, value))
    _changed(world, "INSERT", _id(world, number))


def _upload_several(world: World, number: int, value: int) -> None:
    """One statement writes several documents, and sends one webhook."""
    numbers = [(number + further) % 4 for further in range(2 + value % 2)]
    world.to.memory_supabase.upload(*[_row(world, n, value + n) for n in numbers])
    _changed(world, "INSERT", *[_id(world, n) for n in numbers])


def _delete(world: World, number: int, value: int) -> None:
    key, supabase = _id(world, number), world.to.memory_supabase
    if key in supabase.document_rows:
        path = supabase.document_rows[key]["file_url"]
        supabase.delete_document(key)
        _changed(world, "DELETE", key)
        _deleted(world).setdefault(number, []).append((key, path))


def _changed(world: World, operation: str, *keys: str) -> None:
    for key in keys:
        _reminded(world).pop(key, None)
    world.hint(operation, list(keys))


def _remind(world: World, number: int, value: int) -> None:
    """The patient switches reminders on, for what core shows as the document is now."""
    core, at = world.to.memory_core, ("document", _id(world, number))
    stored = core.source_version(*at, "store_document")
    if at[1] in core.document_rows and stored == world.to.memory_supabase.outbox.version(*at):
        rows = {k: r for k, r in core.medication_rows.items() if r["document_id"] == at[1]}
        certain = {key for key in rows if not core.reading_rows[key]["needs_review"]}
        for key in certain:
            rows[key]["reminders_enabled"] = True
        _reminded(world)[at[1]] = certain


def _deleted(world: World) -> dict[int, list[tuple[str, str | None]]]:
    """Return the ids and files of deleted documents."""
    return world.notes.setdefault("deleted documents", {})


def _reminded(world: World) -> dict[str, set[str]]:
    return world.notes.setdefault("reminded", {})


def _findings(world: World) -> Iterator[Finding]:
    uploads = {
        key: row
        for key, row in world.to.memory_supabase.document_rows.items()
        if row["origin"] == "upload"
    }
    found = [finding for key, row in uploads.items() for finding in _of(world, key, row)]
    found += [
        Finding(("document", key), "in core only", steps=_STEP)
        for key in world.to.memory_core.document_rows.keys() - uploads.keys()
    ] + [
        Finding(("document", key), "deleted, and its file still there", steps=_STEP)
        for listed in _deleted(world).values()
        for key, path in listed
        if path in world.to.files.files
    ]
    yield from (replace(f, excused=f.entity in world.unannounced) for f in found)
    for key, medicines in _reminded(world).items():
        rows = world.to.memory_core.medication_rows
        if not all(m in rows and rows[m]["reminders_enabled"] for m in medicines):
            yield Finding(("document", key), "reminders went off", law="duplicate_effects")


def _of(world: World, key: str, upload: Row) -> Iterator[Finding]:
    at, core = ("document", key), world.to.memory_core
    if upload["type"] in _UNREADABLE:
        lasting = frozenset({_UNREADABLE[upload["type"]]})
        yield Finding(at, "type not known, not parked", steps=_STEP, lasting=lasting)
        return
    stored, owner = core.document_rows.get(key), core.user_by_uid(upload["patient_id"])
    if owner is None or owner["id"] not in core.patient_rows:
        lasting = frozenset({"patient_not_in_core"})
        yield Finding(at, "without patient, not parked", steps=_STEP, lasting=lasting)
        return
    if stored is None:
        yield Finding(at, "not in core", steps=_STEP)
        return
    wanted = {name: upload[name] for name in ("file_url", "text", "ocr_confidence")}
    structured = upload["structured_json"]
    structured = json.loads(structured) if isinstance(structured, str) else structured
    wanted |= {"structured_json": structured, "patient_id": core.patient_rows[owner["id"]]["id"]}
    for name, value in wanted.items():
        if stored[name] != value:
            yield Finding(at, f"{name} in core", steps=_STEP)
    yield from _medications(world, key, stored)
    if upload["file_url"] and upload["file_url"] not in world.to.files.files:
        yield Finding(at, "its file is gone", law="duplicate_effects")
    told = repr(tuple(stored[name] for name in ("type", "text", "structured_json")))
    yield from telling.finally_told(
        world, at, upload["patient_id"], told, (*_STEP, telling.STEP[at[0]])
    )
    for what in search_of(world, upload):
        yield Finding(at, what, steps=(*_STEP, "index_document"))


def _medications(world: World, key: str, stored: Row) -> Iterator[Finding]:
    """Compare a stored document's medications with what its own structured data lists."""
    rows = world.to.memory_core.medication_rows.values()
    found = Counter(row["name"] for row in rows if row["document_id"] == key)
    listed = Counter(
        {(m["name"], m["frequency"]) for m in stored["structured_json"]["medications"]}
    )
    wanted = Counter(name for name, _ in listed)
    if found != wanted:
        law = "duplicate_effects" if found - wanted else "agreement"
        yield Finding(("document", key), "medications in core", law=law, steps=_STEP)


CHAIN = Chain(
    name="documents",
    kind="document",
    number_of=_number_of,
    operations={
        "upload": Operation(6, _upload),
        "upload_several": Operation(2, _upload_several),
        "delete_document": Operation(2, _delete),
        "remind": Operation(2, _remind),
    },
    findings=_findings,
)
