"""What is news to a patient, in memory: `sync.news` and `sync.is_revoked`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from shared.errors import PermanentError
from shared.papers.prescription_summary import summary_of
from tests.memory.core import MemoryCore, Row

_NEW_FOR = timedelta(days=7)
_NOTHING: tuple[object, ...] = (None, "", False, 0, [], {})


@dataclass(frozen=True)
class News:
    """How an entity stands; `state` is None if it cannot be read."""

    key: str
    version: int
    uid: str | None
    state: str | None
    first: str | None
    later: str | None
    appointment_id: str | None = None
    holds: bool = True


def news_of(core: MemoryCore, kind: str, key: str) -> News | None:
    """Return how an entity stands, None for one that core does not have."""
    read = {"document": _document, "prescription": _prescription, "appointment": _appointment}
    return read[kind](core, key)


def is_revoked(prescription: Row) -> bool | None:
    """Tell whether a prescription is revoked, None if its summary cannot be read."""
    try:
        summary = summary_of(prescription["summary"])
    except PermanentError:
        return None
    return any(_says(said) for said in (summary, prescription))


def _says(said: Mapping[str, Any]) -> bool:
    status = str(said.get("status")).strip().lower()
    flag = str(said.get("revoked")).strip().lower()
    at = said.get("revoked_at", said.get("revokedAt"))
    return (
        status in {"revoked", "cancelled", "canceled"}
        or at not in _NOTHING
        or flag in {"true", "yes"}
    )


def _document(core: MemoryCore, key: str) -> News | None:
    row = core.document_rows.get(key)
    if row is None:
        return None
    owners = {patient["id"]: user for user, patient in core.patient_rows.items()}
    return News(
        key,
        core.source_version("document", key, "store_document"),
        core.user_rows[owners[row["patient_id"]]]["firebase_uid"],
        repr((row["type"], row["text"], row["structured_json"])),
        "new" if _is_new(row) else None,
        "changed",
    )


def _prescription(core: MemoryCore, key: str) -> News | None:
    row = core.prescription_rows.get(key)
    if row is None:
        return None
    revoked = is_revoked(row)
    state = "revoked" if revoked else repr(row["summary"])
    return News(
        key,
        core.outbox.version("prescription", key),
        core.user_rows[row["user_id"]]["firebase_uid"],
        None if revoked is None else state,
        "new" if _is_new(row) and not revoked else None,
        "revoked" if revoked else "changed",
        f"appointment-{key}",
        holds=not revoked,
    )


def _appointment(core: MemoryCore, key: str) -> News | None:
    row = core.appointment_rows.get(key)
    if row is None:
        return None
    start = cast("datetime", row["start"])
    ahead, visit = start > datetime.now(UTC), f"{start:%Y-%m-%dT%H:%M:%SZ} {row['doctor_id']}"
    first, later = {
        "CONFIRMED": ("booked", "rescheduled"),
        "RESCHEDULED": ("booked", "rescheduled"),
        "CANCELLED": (None, "cancelled"),
    }.get(row["status"], (None, None))
    return News(
        key,
        core.outbox.version("appointment", key),
        core.user_rows[row["user_id"]]["firebase_uid"],
        "" if row["status"] in {"HOLD", "CANCELLED"} else visit,
        first if ahead else None,
        later if ahead else None,
        key,
    )


def _is_new(row: Row) -> bool:
    created = datetime.fromisoformat(row["created_at"])
    created = created.replace(tzinfo=UTC) if created.tzinfo is None else created
    return datetime.now(UTC) - created <= _NEW_FOR
