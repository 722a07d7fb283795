"""Prescriptions: the backend writes, amends and withdraws them, some in slow transactions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from shared import ids, settings
from tests.memory.embedder import vector
from tests.simulation.chain import Chain, Finding, Operation
from tests.simulation.chains.users import uid_of
from tests.simulation.faults import PLANTED

if TYPE_CHECKING:
    from tests.simulation.world import World

Row = dict[str, Any]

_MIRRORED = ("mirror_prescription",)
_INDEXED = ("mirror_prescription", "index_prescription")


def _prescribe(world: World, number: int, value: int) -> None:
    """Write a prescription for a patient core knows, or amend it; the patient stays the same."""
    key, core = _present(world, number), world.to.memory_core
    known = core.prescription_rows.get(key)
    user_id = known["user_id"] if known else _patient(world, number)
    if user_id is not None:
        core.put_prescription(key, user_id, **_columns(world, key, value))


def _withdraw(world: World, number: int, value: int) -> None:
    key = _present(world, number)
    if key in world.to.memory_core.prescription_rows:
        world.to.memory_core.delete_prescription(key)
        _withdrawn(world).setdefault(number, []).append(key)


def _begin(world: World, number: int, value: int) -> None:
    """A transaction draws its version now and commits later: others overtake it."""
    world.notes.setdefault("open", {}).setdefault(number, world.to.memory_core.next_version())


def _commit(world: World, number: int, value: int) -> None:
    core, user_id = world.to.memory_core, _patient(world, number)
    version = world.notes.setdefault("open", {}).pop(number, None)
    if version is not None and user_id is not None:
        key = f"slow-{version}"
        blank = {"id": key, "created_at": "2026-05-01T10:00:00.000Z", "user_id": user_id}
        core.prescription_rows[key] = blank | _columns(world, key, value)
        core.outbox.note("prescription", key, version)


def _link(world: World, person: int, value: int) -> None:
    """The front desk finds that a walk-in is somebody with an account that core does not know."""
    core, uid = world.to.memory_core, uid_of(world, person)
    user = core.user_rows.get(f"walk-in-{person}")
    known = uid not in world.to.firebase.account_rows or core.user_by_uid(uid)
    if user and user["firebase_uid"] is None and not known:
        core.put_user(user["id"], firebase_uid=uid)


def _present(world: World, number: int) -> str:
    return f"prescription-{number}-{len(_withdrawn(world).get(number, []))}"


def _withdrawn(world: World) -> dict[int, list[str]]:
    return world.notes.setdefault("withdrawn", {})


def _patient(world: World, number: int) -> str | None:
    core = world.to.memory_core
    user = core.user_by_uid(uid_of(world, number))
    user = user or core.user_rows.get(f"walk-in-{number}")
    return user["id"] if user and user["id"] in core.patient_rows else None


def _columns(world: World, key: str, value: int) -> Row:
    edit = world.notes["edit"] = world.notes.get("edit", 0) + 1
    medicines = [{"name": f"{PLANTED}ol {n}", "duration_days": 5} for n in range(value % 12)]
    notes = f"{PLANTED} advice. " * (value % 90)  # from one chunk to several
    diagnosis = f"{PLANTED} case {edit}"
    summary = {"diagnosis": diagnosis, "notes": notes, "medications": medicines}
    return {"pdf_url": f"s3://prescriptions/{key}.pdf", "summary": summary}


def _announce_all(world: World) -> None:
    for (kind, _), row in world.to.memory_core.outbox.rows.items():
        row.sent = row.sent and kind != "prescription"


def _findings(world: World) -> Iterator[Finding]:
    for key, row in world.to.memory_core.prescription_rows.items():
        mirrors = _mirrors(world, key)
        if len(mirrors) > 1:
            yield Finding(("prescription", key), "mirrored twice", law="duplicate_effects")
        yield from _of(world, key, row)
    for key in [key for keys in _withdrawn(world).values() for key in keys]:
        if _mirrors(world, key):
            what = "withdrawn, and still shown"
            yield Finding(("prescription", key), what, law="unsafe_order", steps=_INDEXED)


def _mirrors(world: World, key: str) -> list[Row]:
    """Return the documents that show a prescription, by the name of its file."""
    rows = world.to.memory_supabase.document_rows.values()
    return [r for r in rows if r["origin"] == "core" and (r["file_url"] or "").endswith(f"/{key}.pdf")]


def _of(world: World, key: str, source: Row) -> Iterator[Finding]:
    at, core = ("prescription", key), world.to.memory_core
    uid = core.user_rows[source["user_id"]]["firebase_uid"]
    if uid is None:
        return
    mirroring = core.ledger_rows.get((*at, "mirror_prescription"))
    # A sign-in that came later changes no prescription: nothing announces it.
    linked = mirroring is not None and mirroring.error_code == "patient_without_sign_in"
    document_id = ids.prescription_document_id(settings.id_namespace(), key)
    mirror = world.to.memory_supabase.document_rows.get(document_id)
    if mirror is None:
        yield Finding(at, "not in Supabase", steps=_MIRRORED, excused=linked)
        return
    wanted = {"patient_id": uid, "file_url": source["pdf_url"], "type": "prescription"}
    wanted |= {"structured_json": source["summary"], "ocr_confidence": 1.0}
    for name, value in wanted.items():
        if mirror[name] != value:
            yield Finding(at, f"{name} in Supabase", steps=_MIRRORED, excused=linked)
    yield from (Finding(at, w, steps=_INDEXED, excused=linked) for w in _search(world, mirror))


def _search(world: World, mirror: Row) -> Iterator[str]:
    """Compare a mirror with its search chunks."""
    rows = world.to.memory_supabase.chunk_rows
    chunks = [row for at, row in sorted(rows.items()) if at[0] == mirror["id"]]
    numbers = [at[1] for at in sorted(rows) if at[0] == mirror["id"]]
    if not chunks or numbers != list(range(len(chunks))):
        yield "not searchable as a whole"
        return
    text = mirror["text"]
    if any(chunk["text"] not in text for chunk in chunks) or "case" not in chunks[0]["text"]:
        yield "search finds what it no longer says"
    if sum(len(chunk["text"].split()) for chunk in chunks) < len(text.split()):
        yield "search misses some of it"
    if any(chunk["embedding"] != vector(chunk["text"]) for chunk in chunks):
        yield "an embedding of another text"
    if any(chunk["patient_id"] != mirror["patient_id"] for chunk in chunks):
        yield "a chunk of another patient"


def _number_of(key: str) -> int | None:
    name, number, *_ = key.split("-")
    return int(number) if name == "prescription" else None


CHAIN = Chain(
    name="prescriptions",
    kind="prescription",
    number_of=_number_of,
    operations={
        "prescribe": Operation(6, _prescribe),
        "withdraw": Operation(3, _withdraw),
        "begin_slow": Operation(1, _begin),
        "commit_slow": Operation(1, _commit),
        "link_walk_in": Operation(1, _link),
    },
    findings=_findings,
    announce_all=_announce_all,
)
