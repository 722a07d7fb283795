"""What an erasure sees and does in core in memory: the SQL functions of 0061_erasure.sql."""

from __future__ import annotations

from dataclasses import replace

from tests.memory.core import MemoryCore, Row
from tests.memory.place import alias

_SAYING = ("name", "emergency_contact", "allergies", "chronic_conditions")
UNWATCHED = {"sealed": None, "look_again_at": None, "last_look": False}


def entities_of(core: MemoryCore, uid: str, user_id: str | None = None) -> list[tuple[str, str]]:
    """Return kind and key of a patient's entities: `sync.patient_entities`."""
    user = core.user_by_uid(uid)
    user_id = user["id"] if user else user_id
    patient = core.patient_rows.get(user_id or "", {}).get("id")
    found = [("user", uid), ("profile", uid)]
    for kind, rows in (
        ("appointment", core.appointment_rows),
        ("prescription", core.prescription_rows),
    ):
        found += [(kind, key) for key, row in rows.items() if row["user_id"] == user_id]
    documents = core.document_rows.items()
    return found + [("document", k) for k, r in documents if r["patient_id"] == patient]


def forget_entities(core: MemoryCore, entities: set[tuple[str, str]]) -> int:
    """Drop what ledger, findings and conflicts know of entities; the journal keeps their alias."""
    rows = [at for at in core.ledger_rows if at[:2] in entities]
    conflicts = [at for at in core.open_conflicts if at[:2] in entities]
    for at in rows:
        del core.ledger_rows[at]
    for at in conflicts:
        del core.open_conflicts[at]
    core.all_conflicts = [c for c in core.all_conflicts if c["at"][:2] not in entities]
    core.awaited.forget(entities)
    for run in core.runs:
        run.found = {at: found for at, found in run.found.items() if at not in entities}
    told = [n for n, row in enumerate(core.journal_rows) if (row.kind, row.key) in entities]
    for number in told:
        row = core.journal_rows[number]
        core.journal_rows[number] = replace(row, key=alias(row.kind, row.key))
    return len(rows) + len(conflicts) + len(told)


def rows_about(core: MemoryCore, uid: str | None, user_id: str | None) -> list[str]:
    """Return the tables of the rows that tell of a patient: `sync.patient_remains`."""
    patient = core.patient_rows.get(user_id or "", {})
    own, of = {("user", uid), ("profile", uid)}, patient.get("id")
    found = {
        "users": [
            at for at, row in core.user_rows.items()
            if (uid and row["firebase_uid"] == uid) or (at == user_id and _reachable(row))
        ],
        "patients": [name for name in _SAYING if patient.get(name) is not None][:1],
        "documents": [r for r in core.document_rows.values() if of and r["patient_id"] == of],
        "medications": [r for r in core.medication_rows.values() if of and r["patient_id"] == of],
        "notifications": [
            row for row in core.notification_rows.values() if user_id and row["user_id"] == user_id
        ],
        "profile_readings": [at for at in core.profile_reading_rows if at == uid],
        "told": [at for at, row in core.told.items() if row["uid"] == uid],
        "claims": [at for at, row in core.claims.items() if row["uid"] == uid],
        "pdf_copies": [at for at, copy in core.pdf_copies.items() if copy.owner == uid],
        "ledger": [at for at in core.ledger_rows if at[:2] in own],
        "journal": [row for row in core.journal_rows if (row.kind, row.key) in own],
        "outbox": [at for at in core.outbox.rows if at in own],
        "conflicts": [row for row in core.all_conflicts if row["at"][:2] == ("user", uid)],
        "findings": [run for run in core.runs if ("user", uid) in run.found],
    }  # fmt: skip
    return [table for table, rows in found.items() for _ in rows]


def _reachable(user: Row) -> bool:
    return user["phone"] is not None or user["email"] is not None


def erase_user(core: MemoryCore, uid: str, user_id: str | None, kept: set[tuple[str, str]]) -> int:
    """Erase a patient's rows, or empty those that hold what is kept; return how many."""
    erased = _erase_notes(core, uid, user_id)
    core.removals = [(of, alias("user", uid) if uid in key.split("/") else key, who)
                     for of, key, who in core.removals]  # fmt: skip
    patient = core.patient_rows.get(user_id or "", {}).get("id")
    for key in [k for k, r in core.document_rows.items() if r["patient_id"] == patient]:
        erased += 1
        core.drop_document(key)
    for kind, rows in (
        ("prescription", core.prescription_rows),
        ("appointment", core.appointment_rows),
    ):
        for key in [k for k, r in rows.items() if r["user_id"] == user_id]:
            core.outbox.note(kind, key, core.next_version(), deleted=True, ours=True)
            core.outbox.rows[kind, key].sent = True
            if (kind, key) not in kept:
                erased += 1
                del rows[key]
    core.outbox.rows.pop(("user", uid), None)
    user = core.user_rows.get(user_id or "")
    if user is None or (kept and user["firebase_uid"] is None):
        return erased
    if kept:
        blank = {"firebase_uid": None, "phone": None, "email": None, "verified": False}
        core.user_rows[user["id"]] = user | blank
        if user["id"] in core.patient_rows:
            core.patient_rows[user["id"]] = {"id": patient, "name": None}
        return erased + 2
    del core.user_rows[user["id"]]
    core.patient_rows.pop(user["id"], None)
    return erased + 1


def _erase_notes(core: MemoryCore, uid: str, user_id: str | None) -> int:
    gone = {
        "told": [at for at, row in core.told.items() if row["uid"] == uid],
        "claims": [at for at, row in core.claims.items() if row["uid"] == uid],
        "pdf_copies": [at for at, copy in core.pdf_copies.items() if copy.owner == uid],
        "profile_reading_rows": [at for at in core.profile_reading_rows if at == uid],
        "notification_rows": [
            at for at, row in core.notification_rows.items() if row["user_id"] == user_id
        ],
    }
    for name, keys in gone.items():
        for key in keys:
            del getattr(core, name)[key]
    return sum(map(len, gone.values()))


def announce(core: MemoryCore, erasure: str) -> None:
    """Have the outbox announce an erasure."""
    core.outbox.note("erasure", erasure, core.next_version())
